"""Admission: who does not fit waits for its turn, and what can never fit is refused."""

import threading
import time

import pytest

from sparse_backend import Cancelled
from sparse_backend.admission import Admission
from sparse_backend.config import OutOfMemoryError


def test_who_does_not_fit_waits_for_its_turn_and_is_told_its_place() -> None:
    admission = Admission(lambda: 100, lambda: False, share=1.0)
    order: list[str] = []
    places: dict[str, list[int]] = {"b": [], "c": []}
    inside, leave = threading.Event(), threading.Event()

    def hold(name: str, size: int, gate: threading.Event | None = None) -> None:
        with admission.enter(size, waiting=places[name].append if name in places else None):
            order.append(name)
            inside.set()
            if gate:
                gate.wait(30)

    first = threading.Thread(target=hold, args=("a", 80, leave))
    first.start()
    inside.wait(30)
    others = []
    for name, size in (("b", 50), ("c", 10)):  # c would fit, but b came first
        others.append(threading.Thread(target=hold, args=(name, size)))
        others[-1].start()
        while not places[name]:
            time.sleep(0.01)
    leave.set()
    for thread in (first, *others):
        thread.join(30)
    assert order == ["a", "b", "c"] and places["b"] == [1] and places["c"][0] == 2


def test_what_can_never_fit_is_refused_and_what_waits_can_be_cancelled() -> None:
    rooms = iter([True, True, False])
    admission = Admission(lambda: 100, lambda: next(rooms))
    with pytest.raises(OutOfMemoryError, match="close other programs"), admission.enter(81):
        pass
    assert next(rooms, None) is None  # everything that could be given back was
    admission = Admission(lambda: 100, lambda: False)
    with admission.enter(80), pytest.raises(Cancelled), admission.enter(10, cancel=lambda: True):
        pass
    with admission.enter(80):
        pass
