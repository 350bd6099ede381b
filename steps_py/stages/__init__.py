"""Stages: thin command lines, one for each rule that is not a Kaldi command.

A stage parses its arguments, calls the library once and writes its outputs. It ends with
``run(main)`` of `steps_py.program`.
"""
