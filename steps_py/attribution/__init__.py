"""Which parts of a recording a score stands on: maps over time and feature dimension."""
