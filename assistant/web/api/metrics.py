"""Figures for Prometheus. Labels name bots, routes and outcomes: never users, documents or words."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from assistant.observer import Observer
from sparse_backend import Read
from storage import AnswerRecord

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics(Observer):
    """Counts what is read, answered and asked over HTTP, of all bots, from the page as well as through the API."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._http = Counter("unabridged_http_requests", "Requests.", ("method", "route", "status"), registry=registry)
        self._http_s = Histogram(
            "unabridged_http_request_seconds", "Time of a request.", ("route",), buckets=_QUICK, registry=registry
        )
        self.in_flight = Gauge("unabridged_http_in_flight", "Requests going on.", registry=registry)
        self._answers = Counter(
            "unabridged_answers", "Answers that ended.", ("bot", "finish", "supported"), registry=registry
        )
        self._phase_s = Histogram(
            "unabridged_answer_seconds",
            "Time by phase: parse, read, first_token, total.",
            ("bot", "phase"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._generated = Counter("unabridged_generated_tokens", "Tokens of answers.", ("bot",), registry=registry)
        self._context = Counter("unabridged_context_tokens", "Tokens before answers.", ("bot",), registry=registry)
        self._cached = Counter(
            "unabridged_cached_tokens", "Those of them with keys and values ready.", ("bot",), registry=registry
        )
        self._reads = Counter("unabridged_readings", "Documents opened.", ("bot", "cache"), registry=registry)
        self._read_tokens = Counter("unabridged_read_tokens", "Tokens read.", ("bot",), registry=registry)
        self._read_s = Counter("unabridged_read_seconds", "Time of reading them.", ("bot",), registry=registry)
        self._feedback = Counter("unabridged_feedback", "Verdicts of users.", ("bot", "thumb"), registry=registry)

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A figure that is asked for whenever it is wanted."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts an HTTP request; `route` is a template."""
        known = method if method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS") else "other"
        self._http.labels(known, route, str(status)).inc()
        self._http_s.labels(route).observe(seconds)

    def read(self, bot: str, read: Read, parse_s: float) -> None:
        """See Observer."""
        fresh = len(read.segment) - read.cached_tokens
        self._reads.labels(bot, "miss" if fresh else "hit").inc()
        if fresh:
            self._read_tokens.labels(bot).inc(fresh)
            self._read_s.labels(bot).inc(read.seconds)
            self._phase_s.labels(bot, "read").observe(read.seconds)
        if parse_s:
            self._phase_s.labels(bot, "parse").observe(parse_s)

    def answered(self, bot: str, status: str, record: AnswerRecord | None) -> None:
        """See Observer."""
        if record is None:
            self._answers.labels(bot, status, "no").inc()
            return
        self._answers.labels(bot, record.finish_reason, "yes" if record.supported else "no").inc()
        self._phase_s.labels(bot, "first_token").observe(record.first_token_s)
        self._phase_s.labels(bot, "total").observe(record.total_s)
        self._generated.labels(bot).inc(record.generated_tokens)
        self._context.labels(bot).inc(int(dict(record.settings).get("context_tokens", "0")))
        self._cached.labels(bot).inc(record.cached_tokens)

    def feedback(self, bot: str, thumb: int) -> None:
        """Counts a thumb, 1 or -1."""
        self._feedback.labels(bot, "up" if thumb > 0 else "down").inc()

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)
