"""The built-in Kaldi commands: same names, options, files and exit codes, in Python.

`bin/` holds a launcher per command; `commands.py` says which module serves which name.
"""
