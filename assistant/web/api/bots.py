"""/v1/models: the bots, under the name by which OpenAI's clients ask for them."""

from __future__ import annotations

from fastapi import APIRouter

from assistant.profile_folder import find_profile
from assistant.web.api.state import State
from assistant.web.api.wire import BotList, BotObject, Text

router = APIRouter(prefix="/v1/models", tags=["bots"])


@router.get("", summary="List bots")
def list_bots(state: State) -> BotList:
    """All bots; their names are what `model` of a question takes."""
    return BotList(data=[_bot(name) for name in state.service.bots])


@router.get("/{name}", summary="Get a bot")
def get_bot(state: State, name: Text) -> BotObject:
    """What a bot is called, and how it greets."""
    return _bot(name)


def _bot(name: str) -> BotObject:
    profile = find_profile(name)
    return BotObject(
        id=profile.name,
        created=0,
        title=profile.title,
        greeting=profile.greeting,
        examples=list(profile.examples),
    )
