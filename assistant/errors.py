"""What can go wrong above reading, answering and storing; `str(error)` is one sentence for the user."""


class AssistantError(Exception):
    """Base of this package's own errors."""


class EmptyQuestionError(AssistantError):
    """There is no question in the question."""


class UnknownBotError(AssistantError):
    """No profile has this name."""


class BusyError(AssistantError):
    """The conversation is already being answered."""
