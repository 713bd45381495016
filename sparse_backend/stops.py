"""Stop strings over a stream of tokens: text leaves only once it cannot be the start of a stop string.

What tokens spell is injected as `decode`; nothing else here knows a tokenizer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

MOST_STOPS, LONGEST_STOP = 16, 256  # strings, characters
_UNFINISHED = "\ufffd"  # what decoders show for bytes that are no whole character yet


class TextStream:
    """Token ids → text, piece by piece, whole characters only.

    `decode` must be stable: apart from trailing replacement characters, the text of some tokens starts the text of
    those and more. Only the last tokens are decoded again, so a long answer costs linear time.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._given = 0  # tokens whose text was returned whole
        self._sent = 0  # characters returned of the tokens behind those
        self._context = 0  # from here on tokens are decoded: a token may look different at the start of a text

    def feed(self, token_id: int) -> str:
        """The text that `token_id` completes, often none while a character is unfinished."""
        self._ids.append(token_id)
        text, before = self._texts()
        ready, start = text.rstrip(_UNFINISHED), len(before) + self._sent
        if len(ready) < len(text):
            self._sent = max(len(ready) - len(before), self._sent)
        elif len(ready) > len(before):
            self._context, self._given, self._sent = self._given, len(self._ids), 0
        return ready[start:]

    def finish(self) -> str:
        """The rest, with a replacement character where one was never completed."""
        text, before = self._texts()
        rest = text[len(before) + self._sent :]
        self._context, self._given, self._sent = len(self._ids), len(self._ids), 0
        return rest

    def _texts(self) -> tuple[str, str]:
        return self._decode(self._ids[self._context :]), self._decode(self._ids[self._context : self._given])


class StopStrings:
    """Watches one answer for `stops`; they may begin and end inside tokens, and are never returned.

    ValueError for an empty stop string, for more than 16, or for one beyond 256 characters.
    """

    def __init__(self, stops: Sequence[str], decode: Callable[[Sequence[int]], str]) -> None:
        if len(stops) > MOST_STOPS or not all(1 <= len(stop) <= LONGEST_STOP for stop in stops):
            raise ValueError(f"give at most {MOST_STOPS} stop strings of 1 to {LONGEST_STOP} characters each")
        self._stops = tuple(stops)
        self._stream = TextStream(decode)
        self._held = ""
        self._fed = 0
        self._ends: list[tuple[int, int]] = []  # (characters before, tokens) of tokens whose text is still held
        self._shown = 0
        self.stopped_by: str | None = None
        self.tokens_shown = 0  # tokens of which at least one character was returned, or that had none before those

    def feed(self, token_id: int) -> str:
        """The text that may be shown now. When `stopped_by` is set after it, the answer is over.

        Tokens that came in the same step behind the stop string are not fed; ValueError if one is.
        """
        if self.stopped_by is not None:
            raise ValueError("the answer has already stopped")
        self._fed += 1
        return self._show(self._stream.feed(token_id), over=False)

    def finish(self) -> str:
        """The held text, once the answer ended for another reason; a stop string may still be found in it."""
        return "" if self.stopped_by is not None else self._show(self._stream.finish(), over=True)

    def _show(self, text: str, over: bool) -> str:
        if text:
            self._ends.append((self._shown + len(self._held), self._fed))
        self._held += text
        ends = [(at + len(stop), at, stop) for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if ends:  # whichever is complete first, and the longest of those, so that token borders do not matter
            _, at, self.stopped_by = min(ends)
            return self._release(at)
        return self._release(len(self._held) if over else len(self._held) - self._possible())

    def _release(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        self._shown += length
        while self._ends and self._ends[0][0] < self._shown:
            self.tokens_shown = self._ends.pop(0)[1]
        return text

    def _possible(self) -> int:
        """Characters at the end of the held text that may begin a stop string."""
        longest = max((len(stop) for stop in self._stops), default=0) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stops):
                return length
        return 0
