"""Lets `python -m arctl` do what the `arctl` command does."""

from arctl.cli import main

main()
