"""Kaldi's archives of vectors, with a script file beside."""

from pathlib import Path

from steps_py.embeddings.outputs.base import VECTOR_FORMATS, VectorFormat
from steps_py.formats.kaldi_io_tables import write_vectors


@VECTOR_FORMATS.register("ark")
class Ark(VectorFormat):
    """``<name>.ark`` and ``<name>.scp``, in binary; Kaldi's commands and kaldi-io read them."""

    suffix = ".ark"

    def save(self):
        scp = Path(self.path).with_suffix(".scp")
        write_vectors(self.path, {row.key: row.xvector_E for row in self.rows}, scp=scp)
