"""Sweeps: a file says which configurations of a study are to be run; each becomes a run, all are read as one table."""
