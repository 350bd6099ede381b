"""Slurm: submit jobs, decide how they ended, cancel them. Standard library but for executor.py."""
