"""Slurm, as the workflow sees it: ask, judge, cancel. Standard library only."""
