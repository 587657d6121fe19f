"""What draws: the run table, the detail pane and its tabs, the status line and the footer."""
