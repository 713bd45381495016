"""What operators and their machines ask: does it live, may it get work, how does it do."""

from __future__ import annotations

import shutil

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from assistant.web.api.metrics import CONTENT_TYPE
from assistant.web.api.state import ApiState, State
from storage import StorageError

router = APIRouter(tags=["operations"])
MIN_FREE = 256 << 20  # bytes of disk without which nothing should be uploaded


@router.get("/healthz", summary="Alive?")
async def healthz() -> dict[str, str]:
    """200 as long as the process answers at all."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Ready for work?",
    response_model=None,
    responses={503: {"description": "Not now; `checks` says why.", "content": {"application/json": {}}}},
)
def readyz(state: State) -> JSONResponse:
    """200 when model, database and disk are there, and the server is not about to end."""
    checks = {
        "model": "ok",  # the server starts with it loaded
        "database": _database(state),
        "disk": _disk(state),
        "server": "ending" if state.closing else "ok",
    }
    ready = set(checks.values()) == {"ok"}
    return JSONResponse({"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503)


@router.get("/metrics", summary="Metrics", response_model=None, responses={200: {"content": {"text/plain": {}}}})
def metrics(state: State) -> Response:
    """Prometheus' text format. Labels name bots, routes and outcomes, never users or content."""
    return Response(state.metrics.text(), media_type=CONTENT_TYPE)


def _database(state: ApiState) -> str:
    try:
        state.service.store.accounts.password_hash("")  # one look-up by key
        return "ok"
    except StorageError:
        return "unavailable"


def _disk(state: ApiState) -> str:
    try:
        free = shutil.disk_usage(state.service.options.data_dir).free
    except OSError:
        return "unavailable"
    return "ok" if free >= MIN_FREE else "nearly full"
