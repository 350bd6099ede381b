"""A system behind HTTP."""

import importlib.util
import os

from steps_py.errors import StepsError
from steps_py.sidewinder.subcommands.base import (
    SUBCOMMANDS,
    Subcommand,
    add_gallery,
    add_system,
    open_system,
)

PACKAGES = "fastapi", "uvicorn", "python_multipart", "prometheus_client"


@SUBCOMMANDS.register("serve")
class Serve(Subcommand):
    """Answer HTTP requests: embed, verify, enrol, identify; with a page for browsers.

    sidewinder serve results/system.swx --gallery people.sqlite

    http://127.0.0.1:8000 is the page, /docs describes the requests. Addresses that other machines
    reach need a key, in SIDEWINDER_API_KEY or --api-key-file. SIGTERM ends the server after the
    requests that have begun.
    """

    @classmethod
    def add_arguments(cls, parser):
        add_system(parser)
        add_gallery(parser)
        parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
        parser.add_argument("--port", type=int, default=8000, help="default: 8000; 0: a free one")
        parser.add_argument("--api-key-file", help="file with the key that clients send")
        parser.add_argument(
            "--max-mb", type=float, default=25.0, help="of a request, in MB (default: 25)"
        )
        parser.add_argument(
            "--max-sec", type=float, default=120.0, help="of a recording (default: 120)"
        )
        parser.add_argument(
            "--timeout-sec", type=float, default=30.0, help="of a body or an answer (default: 30)"
        )
        parser.add_argument(
            "--max-waiting", type=int, default=64, help="requests; more get 429 (default: 64)"
        )
        parser.add_argument("--keep-audio", help="folder for recordings; default: none is kept")

    def run(self, args):
        if not all(map(importlib.util.find_spec, PACKAGES)):
            raise StepsError("needs packages that are optional: pip install 'sidewinder[serve]'")
        from steps_py.serve.config import ServeConfig, api_key_of  # start-up time
        from steps_py.serve.run import serve

        config = ServeConfig(
            host=args.host,
            port=args.port,
            api_key=api_key_of(args.api_key_file, os.environ),
            max_body_mb=args.max_mb,
            max_audio_sec=args.max_sec,
            timeout_sec=args.timeout_sec,
            max_waiting=args.max_waiting,
            keep_audio=args.keep_audio,
        )
        serve(open_system(args), args.gallery, config)
