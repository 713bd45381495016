"""Answers as OpenAI's objects: a completion, the chunks of a stream, and our own field `unabridged` with the proof."""

from __future__ import annotations

import json
from typing import Any

from assistant.bot import Finished
from assistant.listing import answer_json, citation_json
from assistant.tokenizer import Tokenizer
from assistant.web.api.exchange import Exchange
from sparse_backend.sampling import Choice
from storage import AnswerRecord, Message

DONE = "data: [DONE]\n\n"
_FINISH = {"stop": "stop", "length": "length"}  # OpenAI has no word for “repeat” and “cancelled”


def event(value: dict[str, Any]) -> str:
    """One event of a stream."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


class Reply:
    """Writes the objects of one exchange."""

    def __init__(self, exchange: Exchange, tokenizer: Tokenizer, fingerprint: str, *, logprobs: bool) -> None:
        self._exchange, self._tokenizer, self._logprobs = exchange, tokenizer, logprobs
        self._fingerprint = fingerprint[:16]

    def completion(self) -> dict[str, Any]:
        """The whole answer."""
        message = {"role": "assistant", "content": self._exchange.text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": self._finish(), "logprobs": self._chosen()}
        return {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": self.usage(),
            "unabridged": self.unabridged(),
        }

    def opening(self) -> dict[str, Any]:
        """The first chunk: it names the conversation, so that it can be stopped or found again."""
        delta = {"role": "assistant", "content": ""}
        place = {"conversation": self._conversation, "message": self._seq}
        return {**self._head("chat.completion.chunk"), "choices": [_choice(delta)], "unabridged": place}

    def piece(self, text: str) -> dict[str, Any]:
        """A chunk of text."""
        return {**self._head("chat.completion.chunk"), "choices": [_choice({"content": text})]}

    def closing(self) -> dict[str, Any]:
        """The last chunk of the answer: why it ended, and its proof."""
        choice = _choice({}) | {"finish_reason": self._finish(), "logprobs": self._chosen()}
        return {**self._head("chat.completion.chunk"), "choices": [choice], "unabridged": self.unabridged()}

    def counting(self) -> dict[str, Any]:
        """The chunk with the usage, which has no text."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": self.usage()}

    def usage(self) -> dict[str, Any]:
        """Tokens; `cached_tokens` of the prompt had their keys and values ready before this request."""
        record = self._record
        if record is None:
            return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        prompt = int(dict(record.settings).get("context_tokens", "0"))
        return {
            "prompt_tokens": prompt,
            "completion_tokens": record.generated_tokens,
            "total_tokens": prompt + record.generated_tokens,
            "prompt_tokens_details": {"cached_tokens": record.cached_tokens},
        }

    def unabridged(self) -> dict[str, Any]:
        """Proof and receipt; without both, whose turn it is, where a person was called or has the conversation."""
        exchange, job = self._exchange, self._exchange.job
        told: dict[str, Any] = {"bot": exchange.asked.bot, "file_id": exchange.document_id}
        if job and job.handed:
            told["hand_off"] = str(job.handed.state.value)
        if self._record is None:
            return told | {"conversation": self._conversation, "message": self._seq}
        proof = receipt(self._record, self._conversation, self._seq)
        return proof | told | (beside(job.finished) if job and job.finished else {})

    @property
    def _record(self) -> AnswerRecord | None:
        """None where the bot did not answer: a person was called."""
        message = self._exchange.stored
        return message.answer if message else None

    @property
    def _conversation(self) -> str:
        return self._exchange.conversation.id if self._exchange.conversation else ""

    @property
    def _seq(self) -> int | None:
        message: Message | None = self._exchange.message
        return message.seq if message else None

    def _head(self, kind: str) -> dict[str, Any]:
        message, conversation = self._exchange.message, self._exchange.conversation
        at = message.created_at if message else conversation.updated_at if conversation else None
        return {
            "id": f"chatcmpl-{self._conversation}-{'waiting' if self._seq is None else self._seq}",
            "object": kind,
            "created": int(at.timestamp()) if at else 0,
            "model": self._exchange.asked.bot,
            "system_fingerprint": self._fingerprint,
        }

    def _finish(self) -> str:
        return _FINISH.get(self._record.finish_reason, "stop") if self._record else "stop"

    def _chosen(self) -> dict[str, Any] | None:
        """Log-probabilities; None for an answer that comes from the store, which keeps none."""
        job = self._exchange.job
        if not self._logprobs or job is None or job.finished is None:
            return None
        return {"content": [self._token(choice) for choice in job.finished.answer.choices], "refusal": None}

    def _token(self, choice: Choice) -> dict[str, Any]:
        top = [self._spelt(token_id) | {"logprob": value} for token_id, value in choice.top]
        return self._spelt(choice.token_id) | {"logprob": choice.logprob, "top_logprobs": top}

    def _spelt(self, token_id: int) -> dict[str, Any]:
        text = self._tokenizer.decode([token_id])
        return {"token": text, "bytes": None if "\ufffd" in text else list(text.encode())}


def receipt(record: AnswerRecord, conversation: str, seq: int | None) -> dict[str, Any]:
    """The field `unabridged` of an answer, from what is stored with it."""
    settings = dict(record.settings)
    told = answer_json("", record, conversation, record.total_s)
    del told["answer"]
    return told | {
        "message": seq,
        "exact": settings.get("exact") == "yes",
        "looked_at": int(settings.get("looked_at", "0")),
        "seed": record.seed,
    }


def beside(finished: Finished) -> dict[str, Any]:
    """What is told only with the answer itself: what the bot's checks found, and quotes that stand nowhere."""
    return {
        "unverified": list(finished.unverified),
        "see_also": [citation_json(citation) for citation in finished.see_also],
        "facts": list(finished.facts),
    }


def _choice(delta: dict[str, Any]) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": None, "logprobs": None}
