"""A server in this process, until it is stopped by a signal."""

import signal
import socket

import uvicorn

from steps_py.errors import StepsError
from steps_py.serve.app import app_of
from steps_py.serve.config import ServeConfig
from steps_py.serve.protocol import protocol_with
from steps_py.system.system import System

KEEP_ALIVE_SEC = 5
LARGEST_HEADERS = 32_768  # bytes


def listen(config: ServeConfig) -> socket.socket:
    """A socket at the address of `config`; StepsError if it cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM
        )[0]
        return socket.create_server(address[:2], family=family, backlog=config.max_connections)
    except OSError as error:
        raise StepsError(
            f"{config.host}:{config.port}: cannot listen there: {error.strerror or error}. Choose"
            " another --host or --port."
        ) from None


def server_of(system: System, gallery_path: str, config: ServeConfig) -> uvicorn.Server:
    """A server; ``server.run(sockets=[...])`` answers requests until a signal ends it."""
    return uvicorn.Server(
        uvicorn.Config(
            app_of(system, gallery_path, config),
            http=protocol_with(config.timeout_sec),
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=config.max_connections,
            timeout_keep_alive=KEEP_ALIVE_SEC,
            timeout_graceful_shutdown=int(config.timeout_sec) + 1,
            h11_max_incomplete_event_size=LARGEST_HEADERS,
        )
    )


def serve(system: System, gallery_path: str, config: ServeConfig) -> None:
    """Answer requests until SIGTERM or SIGINT; those that have begun are answered first."""
    with listen(config) as sock:
        host, port = sock.getsockname()[:2]
        where = f"[{host}]" if ":" in host else host
        key = "a key" if config.api_key else "no key"
        server = server_of(system, gallery_path, config)
        print(
            f"{system.path}: on http://{where}:{port}, {key}; people in {gallery_path}", flush=True
        )
        signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again at its end
        server.run(sockets=[sock])
