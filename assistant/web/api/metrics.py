"""Figures for Prometheus. Labels name bots, routes and outcomes: never users, documents or words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from assistant.observer import Observer
from assistant.receipts import numbers, setting
from sparse_backend import Read
from storage import AnswerRecord, StorageError
from storage.records_signals import SecondLook

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
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
            "Time by phase: parse, read, first_token, decode, total.",
            ("bot", "phase"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._generated = Counter("unabridged_generated_tokens", "Tokens of answers.", ("bot",), registry=registry)
        self._context = Counter("unabridged_context_tokens", "Tokens before answers.", ("bot",), registry=registry)
        self._cached = Counter(
            "unabridged_cached_tokens", "Those of them with keys and values ready.", ("bot",), registry=registry
        )
        self._looked_at = Counter(
            "unabridged_looked_at_tokens",
            "Those of them that a token of the answer looked at.",
            ("bot",),
            registry=registry,
        )
        self._refused = Counter("unabridged_refusals", "Answers “not stated”.", ("bot",), registry=registry)
        self._looks = Counter(
            "unabridged_second_looks", "Answers compared with dense attention.", ("bot", "same"), registry=registry
        )
        self._overlap = Histogram(
            "unabridged_second_look_overlap",
            "Words that an answer shares with the dense one (F1).",
            ("bot",),
            buckets=_SHARES,
            registry=registry,
        )
        self._evidence = Histogram(
            "unabridged_second_look_evidence",
            "Share of cited characters that the dense answer cites too.",
            ("bot",),
            buckets=_SHARES,
            registry=registry,
        )
        self._reads = Counter("unabridged_readings", "Documents opened.", ("bot", "cache"), registry=registry)
        self._read_tokens = Counter("unabridged_read_tokens", "Tokens read.", ("bot",), registry=registry)
        self._read_s = Counter("unabridged_read_seconds", "Time of reading them.", ("bot",), registry=registry)
        self._feedback = Counter("unabridged_feedback", "Verdicts of users.", ("bot", "thumb"), registry=registry)

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A figure that is asked for whenever it is wanted."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def states(self, name: str, text: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        """Figures that the database knows, by state, asked for whenever they are wanted."""
        self.registry.register(_Stored(name, text, label, values))

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
        self._phase_s.labels(bot, "decode").observe(record.total_s - record.first_token_s)
        self._phase_s.labels(bot, "total").observe(record.total_s)
        context, looked_at = numbers(record, ("context_tokens", "looked_at"))
        self._generated.labels(bot).inc(record.generated_tokens)
        self._context.labels(bot).inc(context)
        self._cached.labels(bot).inc(record.cached_tokens)
        self._looked_at.labels(bot).inc(looked_at)
        self._refused.labels(bot).inc(setting(record, "refused") == "yes")

    def looked_again(self, bot: str, look: SecondLook) -> None:
        """See Observer."""
        self._looks.labels(bot, "yes" if look.same else "no").inc()
        self._overlap.labels(bot).observe(look.overlap)
        if look.evidence is not None:
            self._evidence.labels(bot).observe(look.evidence)

    def feedback(self, bot: str, thumb: int) -> None:
        """Counts a thumb, 1 or -1."""
        self._feedback.labels(bot, "up" if thumb > 0 else "down").inc()

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)


class _Stored(Collector):
    """Gauges out of the database; while it is away they are left out, and the others are told all the same."""

    def __init__(self, name: str, text: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._text, self._label, self._values = name, text, label, values

    def describe(self) -> Iterable[Metric]:
        return [GaugeMetricFamily(self._name, self._text, labels=[self._label])]

    def collect(self) -> Iterator[Metric]:
        found = GaugeMetricFamily(self._name, self._text, labels=[self._label])
        try:
            for state, value in self._values().items():
                found.add_metric([state], value)
        except StorageError:
            return
        yield found
