"""Whatever a client sends, within the OpenAPI document or against it, the server answers and never breaks."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from assistant.web.api.app import build_api
from assistant.web.api.options import ApiOptions
from tests.api_house import service_in

PLENTY = 1_000_000
EACH = settings(
    max_examples=5,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_nothing_that_a_client_sends_breaks_the_server(tmp_path: Path) -> None:
    service = service_in(tmp_path)
    options = ApiOptions(open_user="me", requests_per_minute=PLENTY, answers_per_minute=PLENTY, uploads_at_once=PLENTY)
    app = build_api(service, options)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    seen: dict[str, set[int]] = {}

    def probe(case: Any) -> None:
        response = case.call(headers={"Host": "127.0.0.1"})
        seen.setdefault(case.operation.label, set()).add(response.status_code)
        assert response.status_code < 500, (case.as_curl_command(), response.text)

    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            with contextlib.suppress(Unsatisfiable):  # what takes nothing cannot be given anything wrong
                EACH(given(case=operation.as_strategy(generation_mode=mode))(probe))()
    assert len(seen) == sum(len(methods) for methods in app.openapi()["paths"].values())
    assert 200 in set.union(*seen.values())
    service.store.close()
