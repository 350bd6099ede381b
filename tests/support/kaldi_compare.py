"""Is what a command wrote the same as what Kaldi wrote?  Kind by kind, with tolerances.

Files are read by kaldi_native_io, Kaldi's own I/O compiled, never by the code under test.
A difference is told as text; None means the same.
"""

import itertools
import re
import struct
import wave
from pathlib import Path

import kaldi_native_io
import numpy as np


def difference(kind, got, want, case):
    """What differs between the files `got` and `want` of this `kind`, or None."""
    if not got.exists():
        return f"{got.name}: not written"
    what = _COMPARISONS[kind](str(got), str(want), case)
    return f"{got.name}: {what}" if what else None


def stdout_difference(got, want):
    """Printed text; its first word may be a number that is off in its last places."""
    if got.split() == want.split():
        return None
    try:
        return _apart(float(got.split()[0]), float(want.split()[0]), 1e-3, 1e-2)
    except (ValueError, IndexError):
        return f"printed {got[:60]!r}, not {want[:60]!r}"


def _apart(got, want, rtol, atol):
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if got.shape != want.shape:
        return f"shape {got.shape}, not {want.shape}"
    if not np.isfinite(got).all():
        return "not finite"
    off = np.abs(got - want)
    return f"off by {off.max():.3g}" if (off > atol + rtol * np.abs(want)).any() else None


def _matrices(got, want, case):
    def tolerance(x):  # a compressed matrix may fall on either side of a quantisation step
        step = (x.max(axis=0) - x.min(axis=0)).max() / 120 if x.size else 0
        return max(5e-3, step) if "compress" in case else 5e-3

    return _tables(kaldi_native_io.SequentialFloatMatrixReader, got, want, 1e-4, tolerance)


def _double_matrices(got, want, case):
    reader = kaldi_native_io.SequentialDoubleMatrixReader
    return _tables(reader, got, want, 1e-4, lambda x: 5e-3)


def _vectors(got, want, case):
    change = np.abs if case.startswith("lda") else np.asarray  # signs of LDA rows are free
    reader = kaldi_native_io.SequentialFloatVectorReader
    return _tables(reader, got, want, 1e-3, lambda x: 2e-3, change)


def _tables(reader, got, want, rtol, atol, change=np.asarray):
    got, want = ({key: np.array(value) for key, value in reader(f"ark:{x}")} for x in (got, want))
    if list(got) != list(want):
        return f"keys {list(got)[:4]} ({len(got)}), not {list(want)[:4]} ({len(want)})"
    for key, value in want.items():
        what = _apart(change(got[key]), change(value), rtol, atol(value))
        if what:
            return f"{key}: {what}"
    return None


def _vector_file(got, want, case):
    got, want = (kaldi_native_io.FloatVector.read(x).numpy() for x in (got, want))
    return _apart(got, want, 1e-4, 1e-4)


def _matrix_file(got, want, case):
    got, want = (np.abs(kaldi_native_io.FloatMatrix.read(x).numpy()) for x in (got, want))
    return _apart(got, want, 1e-3, 1e-3)


def _pldas(got, want, case):
    got, want = read_plda(got), read_plda(want)
    return (
        _apart(got[0], want[0], 1e-3, 1e-3)
        or _apart(got[2], want[2], 2e-3, 1e-3)
        or _apart(np.abs(got[1]), np.abs(want[1]), 5e-3, 5e-3)
    )


def read_plda(path):
    """(mean, transform, psi) of a Kaldi Plda file, binary or text."""
    data = Path(path).read_bytes()
    if not data.startswith(b"\0B"):
        blocks = re.findall(r"\[([^\]]*)\]", data.decode())
        mean, transform, psi = (
            np.array([row.split() for row in b.strip().split("\n")]) for b in blocks
        )
        return [mean.astype(float).ravel(), transform.astype(float), psi.astype(float).ravel()]
    arrays, at = [], data.index(b"<Plda> ") + len(b"<Plda> ")
    while len(arrays) < 3:
        precision, shape = data[at : at + 1], data[at + 1 : at + 2]
        at += 3
        sizes = [struct.unpack_from("<bi", data, at + 5 * i)[1] for i in range(1 + (shape == b"M"))]
        at += 5 * len(sizes)
        dtype = np.dtype("<f8" if precision == b"D" else "<f4")
        count = int(np.prod(sizes))
        arrays.append(np.frombuffer(data, dtype, count, at).reshape(sizes))
        at += count * dtype.itemsize
    return arrays


def _waves(got, want, case):
    with wave.open(got) as a, wave.open(want) as b:
        if a.getparams()[:3] != b.getparams()[:3]:
            return f"{a.getparams()[:3]}, not {b.getparams()[:3]}"
        got, want = (np.frombuffer(x.readframes(x.getnframes()), "<i2") for x in (a, b))
    return _apart(got, want, 0, 2)


def _texts(got, want, case):
    got, want = (Path(x).read_text().splitlines() for x in (got, want))
    if len(got) != len(want):
        return f"{len(got)} lines, not {len(want)}"
    for number, (mine, theirs) in enumerate(zip(got, want, strict=True), 1):
        for a, b in itertools.zip_longest(mine.split(), theirs.split()):
            if a != b and not _same_number(a, b):
                return f"line {number}: {mine[:60]!r}, not {theirs[:60]!r}"
    return None


def _same_number(a, b):
    try:
        return _apart(float(a), float(b), 2e-3, 2e-3) is None
    except (ValueError, TypeError):
        return False


_COMPARISONS = {
    "matrix": _matrices,
    "dmatrix": _double_matrices,
    "vector": _vectors,
    "vector_file": _vector_file,
    "matrix_file": _matrix_file,
    "plda": _pldas,
    "wav": _waves,
    "text": _texts,
    "scores": _texts,
}
