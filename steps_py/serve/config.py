"""What a server is given, and the checks of it before it starts."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from steps_py.errors import ConfigError

KEY_VARIABLE = "SIDEWINDER_API_KEY"
SHORTEST_KEY = 16


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """Where a server listens, whom it answers, and how much it takes.

    Attributes
    ----------
    host, port : str, int
        Port 0 is a free one.
    api_key : str or None
        What clients send; None: nothing, on addresses of this machine alone.
    max_body_mb : float
        Of one request, in millions of bytes.
    max_audio_sec : float
        Of one recording.
    timeout_sec : float
        For a request's headers, for its body, and for its answer.
    max_waiting : int
        Requests that are being answered; more are refused.
    max_connections : int
    keep_audio : path or None
        Folder for what clients send; None: it is not kept.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    api_key: str | None = None
    max_body_mb: float = 25.0
    max_audio_sec: float = 120.0
    timeout_sec: float = 30.0
    max_waiting: int = 64
    max_connections: int = 512
    keep_audio: str | None = None

    def __post_init__(self):
        for name in ("max_body_mb", "max_audio_sec", "timeout_sec", "max_waiting"):
            if not 0 < getattr(self, name) < 1e9:
                raise ConfigError(f"{name}: is {getattr(self, name)}. Give a number above 0.")
        if not 0 <= self.port < 1 << 16:
            raise ConfigError(f"port: is {self.port}. Give 1 to 65535, or 0 for a free one.")
        if self.keep_audio is not None and not os.path.isdir(self.keep_audio):
            raise ConfigError(f"{self.keep_audio}: is no folder. Create it to keep audio there.")
        if self.api_key is None and not is_loopback(self.host):
            raise ConfigError(
                f"{self.host}: other machines reach this address, so a key is needed. Put one in a"
                f" file (--api-key-file) or in {KEY_VARIABLE}, or listen on 127.0.0.1."
            )

    @property
    def max_body_bytes(self) -> int:
        """Of one request."""
        return int(1e6 * self.max_body_mb)


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def api_key_of(file: str | os.PathLike | None, environment: Mapping[str, str]) -> str | None:
    """The key in a file or in the environment, in this order; None if neither is given.

    >>> api_key_of(None, {KEY_VARIABLE: "0123456789abcdef"})
    '0123456789abcdef'
    """
    where, key = KEY_VARIABLE, environment.get(KEY_VARIABLE)
    if file is not None:
        where, key = file, Path(file).read_text(encoding="utf-8", errors="replace").strip()
    if key is None:
        return None
    if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            f"{where}: is no key. Give at least {SHORTEST_KEY} letters and digits, such as the"
            " output of: openssl rand -hex 32"
        )
    return key
