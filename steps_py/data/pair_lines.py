"""Lines of two names and a value, as trial lists and scores have them, read in blocks.

Shape suffixes (scope: this module):
    L = lines
"""

import contextlib
import os
from collections.abc import Iterator

import numpy as np

from steps_py.data.pairs import Pairs
from steps_py.errors import ScoreError

BLOCK_BYTES = 2**20
NOT_BLANK = bytes(range(33, 256))  # the others are blanks and control characters


def read_scored_pairs(source, where: str | os.PathLike) -> tuple[Pairs, np.ndarray]:
    r"""``<enroll> <test> <score>`` lines, as scoring commands write them: pairs and scores (L,).

    Parameters
    ----------
    source : path or binary stream
    where : str
        Its name, for messages.

    Raises
    ------
    ScoreError
        If there is no line, one has other than three fields, or a score is no finite number.

    Examples
    --------
    >>> import io
    >>> pairs, score_L = read_scored_pairs(io.BytesIO(b"a b 0.5\na c -1\n"), "scores")
    >>> pairs.shown([0, 1]), score_L.tolist()
    ('a b, a c', [0.5, -1.0])
    """
    pairs, numbers = Pairs(), []
    for number, (enroll, test, texts) in read_columns(source, where, "score"):
        score_L = _numbers(texts)
        wrong = np.flatnonzero(~np.isfinite(score_L))
        if wrong.size:
            row = wrong[0]
            raise ScoreError(
                f"{where}:{number + row}: score is '{texts[row][:80]}', expected a finite number"
                f" (trial {enroll[row]} {test[row]}). Look for x-vectors that are not finite,"
                " remove the file and score again."
            )
        pairs.extend(enroll, test)
        numbers.append(score_L)
    return pairs, np.concatenate(numbers)


def read_columns(
    source, where: str | os.PathLike, value_name: str
) -> Iterator[tuple[int, tuple[list, list, list]] | None]:
    """Yield (number of the first line, three columns of words) of pieces of a file or a stream.

    Raises
    ------
    ScoreError
        If there is no line, one has other than three fields, or it is not UTF-8.
    """
    number = None
    for number, lines, words in read_blocks(source):
        yield number, words or _columns_of(lines, where, number, value_name)
    if number is None:
        raise ScoreError(f"{where}: no line in it")


def read_blocks(source) -> Iterator[tuple[int, bytes, tuple[list, list, list]] | None]:
    """Yield (number of the first line, lines, words) of pieces of a file or a binary stream.

    Lines are bytes that end with a newline. Words are three lists of str, one for each column, if
    all lines are plain: three fields of ASCII with a blank between them. Otherwise they are None,
    and the lines must be looked at one by one.
    """
    number, is_path = 1, isinstance(source, str | os.PathLike)
    with open(source, "rb") if is_path else contextlib.nullcontext(source) as file:
        while content := file.read(BLOCK_BYTES):
            content += file.readline()
            if not content.endswith(b"\n"):
                content += b"\n"
            yield number, content, _plain_words(content)
            number += content.count(b"\n")


def _plain_words(content):
    if not content.isascii():
        return None
    blanks = content.translate(None, NOT_BLANK)
    if blanks != b"  \n" * (len(blanks) // 3):
        return None
    words = content.decode().split()
    return (words[0::3], words[1::3], words[2::3]) if len(words) == len(blanks) else None


def _columns_of(content, where, first, value_name):
    try:
        lines = content.decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + first
        raise ScoreError(
            f"{where}:{number}: not UTF-8. The file is damaged; make it again."
        ) from None
    rows = [line.split() for line in lines]
    for number, row in enumerate(rows):
        if len(row) != 3:
            raise ScoreError(
                f"{where}:{number + first}: expected '<enroll> <test> <{value_name}>',"
                f" got {lines[number][:80]!r}"
            )
    return tuple(map(list, zip(*rows, strict=True)))


def _numbers(texts):
    """The numbers that texts are, as Kaldi writes them, and nan for any other text."""
    joined = "".join(texts)
    if joined.isascii() and "_" not in joined:
        try:
            return np.fromiter(map(float, texts), float, len(texts))
        except ValueError:
            pass
    return np.fromiter(map(_number, texts), float, len(texts))


def _number(text):
    try:
        return float(text) if text.isascii() and "_" not in text else np.nan
    except ValueError:
        return np.nan
