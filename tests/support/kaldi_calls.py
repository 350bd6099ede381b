"""Calling built-in commands in this process, and small archives to call them on."""

import numpy as np

from steps_py.formats.holders import FLOAT_VECTOR
from steps_py.formats.tables import SequentialReader, TableWriter
from steps_py.kaldi.commands import main


def kaldi(*argv):
    """The exit code of a command."""
    return main([str(word) for word in argv])


def said(capfd):
    """What the commands said on standard error; never a traceback."""
    message = capfd.readouterr().err
    assert "Traceback" not in message
    return message


def write(name, table, holder=FLOAT_VECTOR):
    """Write an archive of a dict."""
    with TableWriter(f"ark:{name}", holder) as writer:
        for key, value in table.items():
            writer.write(key, np.asarray(value, np.float32))


def read(name, holder=FLOAT_VECTOR):
    """An archive as a dict."""
    with SequentialReader(f"ark:{name}", holder) as reader:
        return dict(reader)
