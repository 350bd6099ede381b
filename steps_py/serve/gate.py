"""What every request passes before it is routed: the key, and checks for those without one.

A page of another site in a browser on this machine can send requests to a loopback address.  So
without a key the names in Host and Origin have to be those of this machine.
"""

import asyncio
import hmac
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from steps_py.serve.config import ServeConfig, is_loopback
from steps_py.serve.metrics import Metrics
from steps_py.serve.refusal import Refused, refusal

OPEN_PATHS = "/", "/health", "/docs", "/openapi.json"  # without a key: they hold nothing of people
DRAINED_BODIES = 4  # of the largest size: more of a refused body is not read


class Gate:
    """The outermost ASGI application: lets requests in, and counts their answers."""

    def __init__(self, app: ASGIApp, config: ServeConfig, metrics: Metrics):
        self._app, self._config, self._metrics = app, config, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, body = time.monotonic(), _Body(receive, self._config)
        status = [500]

        async def sent(message: Message):
            if message["type"] == "http.response.start":
                status[0] = message["status"]
                message.setdefault("headers", []).append((b"cache-control", b"no-store"))
                if not await body.drain():
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            self._check(scope)
        except Refused as refused:
            await refusal(refused.status, str(refused))(scope, body.receive, sent)
        else:
            await self._app(scope, body.receive, sent)
        finally:
            path = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(path, str(status[0])).inc()
            self._metrics.seconds.labels(path).observe(time.monotonic() - started)

    def _check(self, scope):
        headers = Headers(scope=scope)
        if self._config.api_key is None:
            for name in ("host", "origin"):
                if name in headers and not is_loopback(_host_in(headers[name])):
                    raise Refused(
                        403,
                        f"{name}: is of another machine. Without a key only this one is answered.",
                    )
        elif scope["path"] not in OPEN_PATHS and not self._has_key(headers):
            raise Refused(401, "key: is missing or wrong. Send it: Authorization: Bearer <key>")

    def _has_key(self, headers):
        kind, _, key = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            key = headers.get("x-api-key", "")
        return hmac.compare_digest(key.strip().encode(), self._config.api_key.encode())


class _Body:
    """The body of a request, which is read to its end also if it is refused.

    A connection that is closed while its client still sends loses the answer.
    """

    def __init__(self, receive: Receive, config: ServeConfig):
        self._receive, self._config = receive, config
        self._until = time.monotonic() + config.timeout_sec
        self._is_whole = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._is_whole = not message.get("more_body", False)
        return message

    async def drain(self) -> bool:
        """Read the rest, within limits; whether that was all."""
        left = DRAINED_BODIES * self._config.max_body_bytes
        try:
            async with asyncio.timeout(self._until - time.monotonic()):
                while not self._is_whole and left > 0:
                    left -= len((await self.receive()).get("body", b""))
        except TimeoutError:
            return False
        return self._is_whole


def _host_in(value):
    """The name in ``host:port`` or in ``http://host:port``.

    >>> _host_in("localhost:8000"), _host_in("http://[::1]:80"), _host_in("[")
    ('localhost', '::1', '')
    """
    try:
        return urlsplit(value if "//" in value else f"//{value}").hostname or ""
    except ValueError:
        return ""
