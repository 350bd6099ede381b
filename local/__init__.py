"""Corpora: one file each, never one per recipe.  The contract is in README.md."""
