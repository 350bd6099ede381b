"""Figures of a running server, in the text format of Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

TEXT = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counts of one server."""

    def __init__(self):
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "sidewinder_requests", "Requests by path and status of the answer.",
            ["path", "status"], registry=self._registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "sidewinder_request_seconds", "From a request's headers to its answer.",
            ["path"], buckets=SECONDS, registry=self._registry,
        )  # fmt: skip
        self.audio_seconds = Counter(
            "sidewinder_audio_seconds", "Recordings that were computed.", registry=self._registry
        )
        self.batch = Histogram(
            "sidewinder_batch_recordings", "Recordings that were computed together.",
            buckets=(1, 2, 4, 8, 16), registry=self._registry,
        )  # fmt: skip
        self._waiting = Gauge(
            "sidewinder_waiting_requests", "Requests in the queue.", registry=self._registry
        )

    def watch_queue(self, num_waiting: Callable[[], int]) -> None:
        """`num_waiting` is called whenever the figures are read."""
        self._waiting.set_function(num_waiting)

    def add_batch(self, jobs) -> None:
        """Count a batch of jobs of a `Worker`."""
        if count := sum(len(job.named) for job in jobs):
            self.batch.observe(count)
            self.audio_seconds.inc(sum(job.total_sec for job in jobs))

    def text(self) -> bytes:
        """All figures."""
        return generate_latest(self._registry)
