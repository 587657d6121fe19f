"""The AMP video trainer: works alone (`python -m trainer --run-dir DIR`), knows nothing of arctl."""
