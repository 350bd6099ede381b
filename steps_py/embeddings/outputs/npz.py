"""NumPy's archives."""

import numpy as np

from steps_py.embeddings.outputs.base import VECTOR_FORMATS, VectorFormat
from steps_py.files import atomic_write


@VECTOR_FORMATS.register("npz")
class Npz(VectorFormat):
    """An array for each recording, named by its key: ``numpy.load(path)["anna"]``."""

    suffix = ".npz"

    def save(self):
        with atomic_write(self.path, "wb") as out:
            np.savez(out, **{row.key: row.xvector_E for row in self.rows})
