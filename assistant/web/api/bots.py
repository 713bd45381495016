"""/v1/models: the bots, under the name by which OpenAI's clients ask for them."""

from __future__ import annotations

from fastapi import APIRouter

from assistant.errors import UnknownBotError
from assistant.profiles import Profile
from assistant.web.api.state import State
from assistant.web.api.wire import BotList, BotObject, Text

router = APIRouter(prefix="/v1/models", tags=["bots"])


@router.get("", summary="List bots")
def list_bots(state: State) -> BotList:
    """All bots; their names are what `model` of a question takes."""
    return BotList(data=[_bot(profile) for profile in state.service.profiles.values()])


@router.get("/{name}", summary="Get a bot")
def get_bot(state: State, name: Text) -> BotObject:
    """What a bot is called, and how it greets."""
    if name not in state.service.profiles:
        raise UnknownBotError(f"There is no bot “{name}”; choose one of: {', '.join(state.service.bots)}.")
    return _bot(state.service.profiles[name])


def _bot(profile: Profile) -> BotObject:
    return BotObject(
        id=profile.name,
        created=0,
        title=profile.title,
        greeting=profile.greeting,
        examples=list(profile.examples),
    )
