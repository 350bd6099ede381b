"""HTTP/1.1 of uvicorn with a limit on the time that a request's headers may take."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def protocol_with(headers_sec: float) -> type[H11Protocol]:
    """The protocol class whose connections close unless headers arrive within `headers_sec`."""

    class TimedHeaders(H11Protocol):
        """One connection."""

        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport):
            super().connection_made(transport)
            self._watch_headers()

        def data_received(self, data):
            super().data_received(data)
            self._watch_headers()

        def connection_lost(self, exc):
            super().connection_lost(exc)
            self._stop_watch()

        def _watch_headers(self):
            """Start the clock while headers are awaited, and stop it behind them."""
            if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
                self._stop_watch()
            elif self._deadline is None:
                self._deadline = self.loop.call_later(headers_sec, self._close)

        def _stop_watch(self):
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _close(self):
            self._deadline = None
            if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
                self.transport.close()

    return TimedHeaders
