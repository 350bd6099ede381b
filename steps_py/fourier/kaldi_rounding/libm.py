"""C's own single-precision cosine, sine and logarithm.

Kaldi computes its tables (filters, transforms) with them. They sometimes differ in the last bit
from numpy's functions and from the correctly rounded value, which is visible at the edge of a
filter. If the C library cannot be called, double precision is used and rounded.
"""

import ctypes
import math

import numpy as np


def _from_c(name, substitute):
    try:
        function = getattr(ctypes.CDLL(None), name)  # Python itself is linked with it
    except (OSError, AttributeError, TypeError):
        function = substitute
    else:
        function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float

    def apply(x):
        x = np.asarray(x, np.float32)
        flat = [function(value) for value in x.ravel().tolist()]
        return np.array(flat, np.float32).reshape(x.shape)

    return apply


cosf = _from_c("cosf", math.cos)
sinf = _from_c("sinf", math.sin)
logf = _from_c("logf", math.log)
