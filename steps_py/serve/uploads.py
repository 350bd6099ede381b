"""Bodies of requests -> recordings as bytes, in memory and within limits.

A file name of a client is a label in answers and nothing else: no file of that name is opened.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import NamedTuple

from fastapi import Request, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from steps_py.serve.config import ServeConfig
from steps_py.serve.refusal import Refused

FORM = "multipart/form-data"
RAW = re.compile(r"audio/.*|video/.*|application/(octet-stream|ogg|x-flac)|")
BODIES_AT_ONCE = 8  # of the largest size: more bytes than these are refused
MAX_FILES, MAX_TEXT_BYTES, LONGEST_LABEL = 32, 1000, 80


class Upload(NamedTuple):
    """A recording as sent: a label for messages, and its bytes."""

    label: str
    data: bytes


class Uploads:
    """Reads bodies of requests; counts the bytes of all that are read at the time."""

    def __init__(self, config: ServeConfig):
        self._config, self._num_bytes = config, 0

    async def read(self, request: Request, fields: tuple[str, ...]) -> dict[str, list[Upload]]:
        """The recordings of a request by field; a body that is no form is the first field's.

        Raises Refused: 400 for a damaged form, 408 for a slow body, 413 for a large one, 415 for
        another type, 422 if a field has no recording or is not among `fields`, 429 if too many
        bytes arrive at once.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != FORM and not RAW.fullmatch(kind):
            raise Refused(
                415,
                f"content type '{kind[:60]}': is not read. Send the file's bytes as audio/wav, or a"
                f" form, {FORM}.",
            )
        if kind != FORM and len(fields) > 1:
            raise Refused(415, f"content type: is to be {FORM}, with {' and '.join(fields)}.")
        taken = [0]
        try:
            body = await self._body(request, taken)
            if kind != FORM:
                found = {fields[0]: [Upload(fields[0], body)]}
            else:
                found = await _files_of(request, body, self._config)
        finally:
            self._num_bytes -= taken[0]
        for field in fields:
            if not any(upload.data for upload in found.get(field, [])):
                raise Refused(422, f"{field}: no recording. Send a file in this field.")
        if others := found.keys() - set(fields):
            raise Refused(422, f"{_label(min(others))}: unknown field. Known: {', '.join(fields)}.")
        return found

    async def _body(self, request, taken):
        most, chunks = self._config.max_body_bytes, []
        too_large = Refused(
            413,
            f"body: more than {self._config.max_body_mb:g} MB. Send a shorter recording, or FLAC.",
        )
        if int(request.headers.get("content-length", 0)) > most:
            raise too_large
        try:
            async with asyncio.timeout(self._config.timeout_sec):
                async for chunk in request.stream():
                    taken[0] += len(chunk)
                    self._num_bytes += len(chunk)
                    if taken[0] > most:
                        raise too_large
                    if self._num_bytes > BODIES_AT_ONCE * most:
                        raise Refused(429, "body: too many bytes arrive at once. Try again.")
                    chunks.append(chunk)
        except TimeoutError:
            seconds = self._config.timeout_sec
            raise Refused(408, f"body: did not arrive within {seconds:g} s. Try again.") from None
        except ClientDisconnect:
            raise Refused(400, "body: the client left.") from None
        return b"".join(chunks)


class _InMemory(MultiPartParser):
    """Parts of a form never go to a disk."""

    spool_max_size = 0  # of SpooledTemporaryFile: no limit


async def _files_of(request, body, config):
    """{field: uploads} of a form."""
    parser = _InMemory(
        request.headers,
        _once(body),
        max_files=MAX_FILES,
        max_fields=0,
        max_part_size=MAX_TEXT_BYTES,
    )
    try:
        async with asyncio.timeout(config.timeout_sec):
            form = await parser.parse()
    except MultiPartException as error:
        line = f"{error.message.rstrip('.')}. Send each recording as a file with a name."
        raise Refused(400, f"form: {line}") from None
    except (KeyError, ValueError, TypeError, AttributeError, TimeoutError) as error:
        raise Refused(400, f"form: is damaged ({type(error).__name__}).") from None
    found: dict[str, list[Upload]] = {}
    for field, file in form.multi_items():
        if isinstance(file, UploadFile) or hasattr(file, "file"):
            label = _label(file.filename or "") or field
            found.setdefault(field, []).append(Upload(label, file.file.read()))
            file.file.close()
    return found


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _label(name):
    """A client's file name for messages: its last part, printable, of one line.

    >>> _label("../../etc/passwd"), _label("C:\\\\x\\\\anna.wav"), _label("a\\nb.wav")
    ('passwd', 'anna.wav', 'ab.wav')
    """
    last = re.split(r"[/\\]", name)[-1]
    return "".join(char for char in last if char.isprintable()).strip()[:LONGEST_LABEL]
