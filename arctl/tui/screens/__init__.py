"""The pages: the runs, two runs compared, help, and the question before a cancel."""
