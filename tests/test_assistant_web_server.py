"""The address is tried before a model is loaded."""

from __future__ import annotations

import socket

import pytest

from assistant.errors import AssistantError
from assistant.web.server import refuse_taken


def test_a_taken_port_is_refused_in_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AssistantError, match=rf"127\.0\.0\.1:{port} cannot be served \(.*in use\); choose another"):
            refuse_taken("127.0.0.1", port)
    refuse_taken("127.0.0.1", port)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(AssistantError, match="cannot be served"):
        refuse_taken("127.0.0.1", port)
