"""Compressed matrices: the same bytes as Kaldi's, and the error each method allows."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from steps_py.errors import TableError
from steps_py.formats import compressed
from steps_py.formats.compressed import ColumnDecoder, compress, decompress
from steps_py.formats.holders import COMPRESSED_MATRIX, FLOAT_MATRIX
from steps_py.formats.tables import SequentialReader, TableWriter

GOLDEN = Path(__file__).resolve().parents[1] / "golden/kaldi"


def decoded(data, bounds=None):
    token, _, rest = data.partition(b" ")
    header = compressed.HEADER.unpack(rest[:16])
    assert len(rest) == 16 + compressed.num_body_bytes(token, *header[2:])
    return decompress(token, header, rest[16:], bounds)


def matrices(low=-1e4, high=1e4, max_rows=20):
    return arrays(
        np.float32,
        st.tuples(st.integers(1, max_rows), st.integers(1, 4)),
        elements=st.floats(low, high, width=32, allow_subnormal=False),
    )


@pytest.mark.parametrize("method", range(1, 8))
def test_every_byte_is_kaldis(tmp_path, method):
    with (
        SequentialReader(f"ark:{GOLDEN}/inputs/feats.ark", FLOAT_MATRIX) as reader,
        TableWriter(f"ark:{tmp_path}/feats.ark", COMPRESSED_MATRIX(method)) as writer,
    ):
        for utt, x in reader:
            writer.write(utt, x)
    want = (GOLDEN / f"expected/copy_compress{method}/feats.ark").read_bytes()
    assert (tmp_path / "feats.ark").read_bytes() == want


def test_the_automatic_method_takes_columns_from_nine_rows_on():
    assert compress(np.ones((8, 2)))[:4] == b"CM2 "
    assert compress(np.ones((9, 2)))[:3] == b"CM "


def test_a_column_by_hand():
    """0, 64, 192, 255 are the codes of the four percentiles; between them they run evenly."""
    x = np.array([0.0, 64, 64, 128, 192, 192, 192, 255], np.float32)[:, np.newaxis]
    body = compress(x, method=2)[3 + 16 :]
    percentiles = np.frombuffer(body[:8], "<u2")
    np.testing.assert_array_equal(percentiles, np.array([0, 64, 192, 255]) * 257)  # of 65535
    np.testing.assert_array_equal(list(body[8:]), x[:, 0])


@pytest.mark.parametrize("method, top", [(4, 65535), (6, 255), (7, 255)])
def test_fixed_ranges_keep_their_own_grid_exactly_and_clip(method, top):
    low, width = {4: (-32768, 65535), 6: (0, 255), 7: (0, 1)}[method]
    grid = (low + width * np.linspace(0, 1, top + 1))[:, np.newaxis]
    np.testing.assert_allclose(
        decoded(compress(grid, method)), grid, rtol=1e-6, atol=1e-2 * width / top
    )
    outside = np.array([[low - 10.0, low + width + 10.0]])
    np.testing.assert_allclose(decoded(compress(outside, method)), [[low, low + width]], rtol=1e-6)


@given(matrices(), st.sampled_from([(3, 65535), (5, 255)]))
@settings(deadline=None)
def test_methods_over_the_matrix_range_are_off_by_half_a_step(x, method_and_steps):
    method, steps = method_and_steps
    step = np.ptp(x) / steps if np.ptp(x) else (1 + abs(float(x[0, 0]))) / steps
    off = np.abs(decoded(compress(x, method)).astype(np.float64) - x)
    assert off.max() <= 0.502 * step + 1e-6 * np.abs(x).max()


@given(matrices())
@settings(deadline=None)
def test_speech_compression_is_off_by_a_step_of_the_wider_segment(x):
    off = np.abs(decoded(compress(x, 2)).astype(np.float64) - x)
    grain = max(np.ptp(x), 1 + np.abs(x).max()) / 65535  # of the percentiles
    allowed = 0.5 * np.ptp(x, axis=0) / 63 + 4 * grain
    assert (off <= allowed).all()


@given(matrices(max_rows=400), st.data())
@settings(deadline=None, max_examples=50)
def test_a_part_is_decoded_as_the_whole_is(x, data):
    rows, cols = x.shape
    row = data.draw(st.integers(0, rows - 1))
    row_end = data.draw(st.integers(row + 1, rows))
    col = data.draw(st.integers(0, cols - 1))
    for method in (2, 3, 5):
        packed = compress(x, method)
        part = decoded(packed, (row, row_end, col, cols))
        np.testing.assert_array_equal(part, decoded(packed)[row:row_end, col:])
        assert part.flags["C_CONTIGUOUS"] and part.dtype == np.float32


@pytest.mark.parametrize("scale", [1e-37, 1e-20, 1.0, 1e30])
def test_a_decoder_of_columns_gives_the_same_bits_one_matrix_after_another(scale):
    """Oracle: parts of so few rows that they are computed value by value, without a table."""
    rng = np.random.default_rng(0)
    decoder = ColumnDecoder(3)
    for num_rows in (9, 3000, 700):
        x = (scale * rng.normal([0, 5, -300], [1, 1e-3, 90], (num_rows, 3))).astype(np.float32)
        data = compress(x, method=2)
        header, body = compressed.HEADER.unpack(data[3:19]), data[19:]
        parts = [
            decompress(b"CM", header, body, (row, min(row + 100, num_rows), 0, 3))
            for row in range(0, num_rows, 100)
        ]
        expected = np.concatenate(parts)
        for row, row_end in [(0, num_rows), (5, 9), (num_rows // 3, num_rows), (4, 4)]:
            got = decoder.decode(header, body, row, row_end)
            assert got.dtype == np.float32 and got.flags["C_CONTIGUOUS"]
            assert np.array_equal(got.view(np.int32), expected[row:row_end].view(np.int32))


@given(matrices())
@settings(deadline=None)
def test_order_of_values_survives(x):
    """Compression is monotone: a larger value never comes out smaller in its column."""
    for method in range(2, 8):
        order = np.argsort(x[:, 0], kind="stable")
        assert (np.diff(decoded(compress(x, method))[order, 0]) >= 0).all()


@pytest.mark.parametrize("method", range(1, 8))
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
def test_few_and_constant_rows_have_no_trouble(method, rows):
    x = np.full((rows, 2), 0.25, np.float32)
    got = decoded(compress(x, method))
    assert got.shape == x.shape and np.isfinite(got).all()
    if method in (1, 2, 3, 5, 7):
        np.testing.assert_allclose(got, x, atol=0.002)


def test_a_matrix_narrower_than_float32_can_tell_is_written_all_the_same():
    x = np.float32(1e8) + np.arange(20, dtype=np.float32)[:, np.newaxis] % 2
    np.testing.assert_allclose(decoded(compress(x, 2)), x, rtol=1e-6)


def test_an_empty_matrix_is_written_as_kaldi_reads_it(tmp_path):
    empty = np.zeros((0, 0), np.float32)
    with TableWriter(f"ark:{tmp_path}/x.ark", COMPRESSED_MATRIX()) as writer:
        writer.write("a", empty)
        writer.write("b", np.ones((9, 2)))
    with SequentialReader(f"ark:{tmp_path}/x.ark", FLOAT_MATRIX) as reader:
        assert [(key, x.shape) for key, x in reader] == [("a", (0, 0)), ("b", (9, 2))]


def test_an_empty_matrix_with_kaldis_four_extra_bytes_is_read(tmp_path):
    (tmp_path / "x.ark").write_bytes(b"a \0BCM " + bytes(20) + b"b \0BCM " + bytes(20))
    with SequentialReader(f"ark:{tmp_path}/x.ark", FLOAT_MATRIX) as reader:
        assert [(key, x.shape) for key, x in reader] == [("a", (0, 0)), ("b", (0, 0))]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", [1, 2, 3, 5])
def test_values_that_are_not_finite_are_refused(bad, method):
    x = np.ones((9, 2))
    x[3, 1] = bad
    with pytest.raises(TableError, match="cannot compress"):
        compress(x, method)


@pytest.mark.parametrize("method", [0, 8, -1])
def test_there_is_no_other_method(method):
    with pytest.raises(TableError, match="Use one of 1 to 7"):
        compress(np.ones((9, 2)), method)
