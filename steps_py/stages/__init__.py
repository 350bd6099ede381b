"""Stages: command lines of the rules that are not Kaldi commands.

A stage parses its arguments, calls the library once and writes its outputs. It ends with
``run(main)`` of `steps_py.program`.
"""
