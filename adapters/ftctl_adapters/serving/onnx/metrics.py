"""Prometheus metrics of the server."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Gauges:
    """Counters of one server."""

    def __init__(self, load: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("ftctl_requests", "Requests by how they ended.", ["finish"], registry=self._registry)
        self.prompt_tokens = Counter("ftctl_prompt_tokens", "Tokens of prompts.", registry=self._registry)
        self.tokens = Counter("ftctl_generation_tokens", "Tokens of answers.", registry=self._registry)
        self.first = Histogram(
            "ftctl_time_to_first_token_seconds", "Until the first token.", buckets=SECONDS, registry=self._registry
        )
        self.whole = Histogram(
            "ftctl_request_seconds", "Until the last token.", buckets=SECONDS, registry=self._registry
        )
        running = Gauge("ftctl_requests_in_flight", "Requests that run or wait.", registry=self._registry)
        running.set_function(load)

    def page(self) -> bytes:
        """Return the metrics in text format."""
        return bytes(generate_latest(self._registry))
