"""`python -m trainer eval`: many views of each video, probes of time, and speed, from the checkpoint of a run.

It writes one predictions file for each question into the run that it evaluates, and nothing else there.
"""
