"""What all routes share, made once for a service."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from assistant.entrance import Entrance
from assistant.service import Service
from assistant.web.api.histories import Histories
from assistant.web.api.metrics import Metrics
from assistant.web.api.options import ApiOptions
from assistant.web.api.people import Caller, People
from assistant.web.api.quota import AtOnce, Rate
from assistant.web.api.uploads import Uploads


@dataclass(eq=False)
class ApiState:
    """The service behind the routes, with counters and what goes on. `closing`: no new work is wanted."""

    service: Service
    options: ApiOptions
    metrics: Metrics
    people: People
    entrance: Entrance
    uploads: Uploads
    requests: Rate
    wrong_keys: Rate
    answers: Rate
    answering: AtOnce
    histories: Histories = field(default_factory=Histories)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    closing: bool = False

    @classmethod
    def of(cls, service: Service, options: ApiOptions) -> ApiState:
        """Everything for one service."""
        metrics = Metrics()
        entrance = Entrance(service.store, options.entrance)
        service.observers.add(metrics)
        state = cls(
            service=service,
            options=options,
            metrics=metrics,
            people=People(service.store, options.open_user, entrance),
            entrance=entrance,
            uploads=Uploads(service, readers=options.readers, at_once=options.uploads_at_once),
            requests=Rate(options.requests_per_minute, "requests"),
            wrong_keys=Rate(options.wrong_keys_per_minute, "wrong keys"),
            answers=Rate(options.answers_per_minute, "questions"),
            answering=AtOnce(options.answers_at_once, "answers"),
        )
        metrics.gauge("unabridged_answers_in_flight", "Answers going on.", lambda: state.answering.total)
        metrics.gauge("unabridged_uploads_waiting", "Uploads not read yet.", lambda: state.uploads.waiting)
        metrics.gauge("unabridged_queue_length", "Requests in the scheduler.", lambda: queue_length(service))
        handed_off = service.store.signals.handed_off
        metrics.states("unabridged_hand_offs", "Conversations that needed a person.", "state", handed_off)
        looks = service.second_looks
        if looks is not None:
            skipped = "Sampled answers that were not compared."
            metrics.states("unabridged_second_looks_skipped", skipped, "reason", lambda: dict(looks.skipped))
        return state

    def keep(self, task: asyncio.Task[None]) -> None:
        """Holds a task that must outlive its request."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def queue_length(service: Service) -> int:
    """Requests that the engine's scheduler holds; an encoder has none."""
    scheduler = getattr(service.engine, "scheduler", None)
    return scheduler.load if scheduler is not None else 0


def _state(request: Request) -> ApiState:
    state: ApiState = request.app.state.api
    return state


def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


State = Annotated[ApiState, Depends(_state)]
Who = Annotated[Caller, Depends(_caller)]
