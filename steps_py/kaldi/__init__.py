"""The built-in Kaldi commands: same names, options, files and exit codes, in Python.

`bin/` has a launcher per command; `commands.py` lists the module of each command.
"""
