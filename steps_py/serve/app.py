"""The HTTP application: its paths, their parameters and their answers."""

import asyncio
import dataclasses
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from steps_py.errors import AudioError, StepsError
from steps_py.serve import metrics as prometheus
from steps_py.serve.config import ServeConfig
from steps_py.serve.decode import decoded
from steps_py.serve.gate import Gate
from steps_py.serve.kept_audio import keep
from steps_py.serve.refusal import Refused, refusal
from steps_py.serve.uploads import FORM, Uploads
from steps_py.serve.worker import Worker
from steps_py.system.sound import Reading
from steps_py.system.system import System
from steps_py.version import package_version

DECODERS = 2  # threads
PAGES = Path(__file__).parent
_log = logging.getLogger(__name__)

Resample = Annotated[bool, Query(description="convert a recording of another sample rate")]
Channel = Annotated[
    str | None,
    Query(pattern=r"^([1-8]|mix)$", description="of a recording with several: 1, 2 ... or mix"),
]
Prior = Annotated[float, Query(gt=0, lt=1, description="probability before the recording is heard")]
Name = Annotated[str, Query(description="of the person")]
Top = Annotated[int, Query(ge=1, le=1000, description="how many of the best people to list")]
Threshold = Annotated[
    float | None,
    Query(allow_inf_nan=False, description="score that decides, in place of probabilities"),
]


def app_of(system: System, gallery_path: str, config: ServeConfig) -> Gate:
    """The application that serves a system and the people of a gallery.

    Raises StepsError if the gallery cannot be opened or is of another system.
    """
    server = _Server(system, gallery_path, config)
    app = FastAPI(
        title="Sidewinder",
        version=package_version(),
        description="Is this the same speaker? Who is it?",
        docs_url=None,  # its page loads scripts of another host
        redoc_url=None,
        lifespan=server.lifespan,
    )
    server.add_routes(app)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(StepsError, server.steps_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _fault)
    return Gate(app, config, server.metrics)


class _Server:
    """What the paths share."""

    def __init__(self, system, gallery_path, config):
        self._system, self._config = system, config
        self._gallery_path, self._gallery = gallery_path, system.gallery(gallery_path)
        self.metrics, self._uploads = prometheus.Metrics(), Uploads(config)
        self._decoders = ThreadPoolExecutor(DECODERS, "sidewinder decoder")
        self._num_open = 0

    @asynccontextmanager
    async def lifespan(self, app):
        """The worker runs as long as the application."""
        self._worker = Worker(
            self._system.voices_of_waves, self._config.max_waiting, self.metrics.add_batch
        )
        self.metrics.watch_queue(lambda: self._worker.num_waiting)
        yield
        self._worker.stop()
        self._decoders.shutdown(cancel_futures=True)
        self._gallery.close()

    def add_routes(self, app):
        """All paths of the server."""
        app.get("/", include_in_schema=False)(_page("page.html"))
        app.get("/docs", include_in_schema=False)(_page("api.html"))
        app.get("/health")(self.health)
        app.get("/metrics", response_class=Response)(self.metrics_text)
        one, two = _body("audio"), _body("first", "second")
        app.post("/embed", openapi_extra=one)(self.embed)
        app.post("/verify", openapi_extra=two)(self.verify)
        app.post("/enrol", openapi_extra=_body("audio", several=True))(self.enrol)
        app.post("/identify", openapi_extra=one)(self.identify)
        app.get("/people")(self.people)
        app.delete("/people")(self.remove)

    async def health(self) -> dict[str, Any]:
        """Whether the server answers, and what it serves."""
        return {
            "status": "ok",
            "version": package_version(),
            "system": self._system.digest,
            "sample_rate_hz": self._system.sample_rate_hz,
            "is_calibrated": self._system.is_calibrated,
            "prior": self._system.prior,
            "waiting": self._worker.num_waiting,
        }

    async def metrics_text(self):
        """Counts and times, in the text format of Prometheus."""
        return Response(self.metrics.text(), media_type=prometheus.TEXT)

    async def embed(self, request: Request, resample: Resample = False, channel: Channel = None):
        """The x-vector of a recording, and the seconds of speech that it is of."""
        return await self._do(request, ("audio",), resample, channel, _embedding)

    async def verify(
        self,
        request: Request,
        prior: Prior | None = None,
        resample: Resample = False,
        channel: Channel = None,
    ):
        """Whether two recordings are of one speaker, and on what evidence."""
        fields = ("first", "second")
        return await self._do(request, fields, resample, channel, partial(self._verdict, prior))

    async def enrol(
        self, request: Request, name: Name, resample: Resample = False, channel: Channel = None
    ):
        """Enrol a person by one recording or several, or add them to a person's."""
        finish = partial(self._enrolled, name)
        return await self._do(request, ("audio",), resample, channel, finish, several=True)

    async def identify(
        self,
        request: Request,
        top: Top = 5,
        prior: Prior = 0.5,
        threshold: Threshold = None,
        resample: Resample = False,
        channel: Channel = None,
    ):
        """Who of the enrolled people speaks, or `unknown`."""
        finish = partial(self._identified, top, prior, threshold)
        return await self._do(request, ("audio",), resample, channel, finish)

    async def people(self):
        """The enrolled people, by name."""
        return await self._compute([], lambda _: [p._asdict() for p in self._gallery.people()])

    async def remove(self, name: Name):
        """Remove a person and all that is kept of them."""
        return await self._compute([], lambda _: {"removed": self._gallery.remove(name) or name})

    def _verdict(self, prior, voices):
        return self._system.compare(*voices, prior).as_dict()

    def _enrolled(self, name, voices):
        person = self._gallery.enrol_voices(name, voices)
        return {**person._asdict(), "warnings": [line for v in voices for line in v.warnings]}

    def _identified(self, top, prior, threshold, voices):
        return self._gallery.identify_voice(voices[0], top, prior, threshold).as_dict()

    async def _do(self, request, fields, resample, channel, finish, several=False):
        """Read the recordings of a request, and the answer of `finish` to their voices."""
        sent = await self._uploads.read(request, fields)
        for field in fields:
            if len(sent[field]) > 1 and not several:
                raise Refused(422, f"{field}: {len(sent[field])} recordings. Send one.")
        uploads = [upload for field in fields for upload in sent[field]]
        channel = int(channel) if channel and channel.isdigit() else channel
        reading = Reading(resample=resample, channel=channel)
        if self._num_open >= self._config.max_waiting:
            raise Refused(429, "too many requests wait. Try again in a second.")
        self._num_open += 1
        try:
            return await self._in_time(self._read_and_compute(uploads, reading, finish))
        finally:
            self._num_open -= 1

    async def _read_and_compute(self, uploads, reading, finish):
        loop, system = asyncio.get_running_loop(), self._system
        named = []
        for upload in uploads:
            work = partial(
                decoded, upload, reading, system.sample_rate_hz, self._config.max_audio_sec
            )
            named.append((await loop.run_in_executor(self._decoders, work), upload.label))
        if self._config.keep_audio is not None:
            await loop.run_in_executor(self._decoders, keep, self._config.keep_audio, uploads)
        return JSONResponse(await self._worker.do(named, finish))

    async def _compute(self, named, finish):
        return JSONResponse(await self._in_time(self._worker.do(named, finish)))

    async def _in_time(self, answer):
        try:
            async with asyncio.timeout(self._config.timeout_sec):
                return await answer
        except TimeoutError:
            seconds = self._config.timeout_sec
            raise Refused(503, f"no answer within {seconds:g} s. Try again later.") from None

    async def steps_error(self, request, error):
        """A user's error as JSON; paths of this machine are not in it."""
        line = (
            str(error).replace(self._gallery_path, "gallery").replace(self._system.path, "system")
        )
        return refusal(422 if isinstance(error, AudioError) else 409, line)


def _embedding(voices):
    [voice] = voices
    found = dataclasses.asdict(voice)
    vector = found.pop("xvector_E")
    return {"xvector": vector.tolist(), **found, "warnings": voice.warnings}


def _body(*fields, several=False):
    """The request's body for the OpenAPI page."""
    file = {"type": "string", "format": "binary"}
    part = {"type": "array", "items": file} if several else file
    form = {
        "type": "object",
        "required": list(fields),
        "properties": dict.fromkeys(fields, part),
    }
    content = {FORM: {"schema": form}}
    if len(fields) == 1:
        content["audio/wav"] = {"schema": file}
    return {"requestBody": {"required": True, "content": content}}


def _page(name):
    text = (PAGES / name).read_text(encoding="utf-8")
    headers = {
        "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline' blob:; style-src"
        " 'unsafe-inline'; connect-src 'self'; media-src blob:; img-src data:; frame-ancestors"
        " 'none'",
        "X-Content-Type-Options": "nosniff",
    }

    async def page():
        return HTMLResponse(text, headers=headers)

    return page


async def _refused(request, error):
    return refusal(error.status, str(error))


async def _invalid(request, error):
    """A parameter that FastAPI refuses."""
    first = error.errors()[0]
    where = " ".join(str(part) for part in first["loc"])
    return refusal(422, f"{where}: {first['msg']}.")


async def _http_error(request, error):
    return refusal(error.status_code, f"{request.method} {request.url.path[:80]}: {error.detail}.")


async def _fault(request, error):
    _log.exception("a fault of this program", exc_info=error)
    return refusal(500, "a fault of the server; its log has the reason.")
