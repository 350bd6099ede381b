"""Parquet files, for data frames."""

import numpy as np

from steps_py.embeddings.outputs.base import VECTOR_FORMATS, VectorFormat
from steps_py.errors import MissingProgramError
from steps_py.files import atomic_write


@VECTOR_FORMATS.register("parquet")
class Parquet(VectorFormat):
    """A table with the columns ``key``, ``speech_sec`` and ``xvector``, a list of float32."""

    suffix = ".parquet"

    def __init__(self, path):
        super().__init__(path)
        try:
            import pyarrow.parquet  # here, as it is an optional extra
        except ImportError:
            raise MissingProgramError(
                f"{self.path}: parquet files need the package pyarrow. Install it:"
                " pip install 'sidewinder[parquet]'"
            ) from None
        self._arrow, self._parquet = pyarrow, pyarrow.parquet

    def save(self):
        arrow = self._arrow
        vectors = [np.asarray(row.xvector_E, np.float32) for row in self.rows]
        table = arrow.table(
            {
                "key": arrow.array([row.key for row in self.rows], arrow.string()),
                "speech_sec": arrow.array([row.speech_sec for row in self.rows], arrow.float64()),
                "xvector": arrow.array(vectors, arrow.list_(arrow.float32())),
            }
        )
        with atomic_write(self.path, "wb") as out:
            self._parquet.write_table(table, out)
