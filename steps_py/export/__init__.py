"""The network of a system in formats of other programs, checked against this one."""
