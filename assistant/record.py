"""What is stored with an answer: enough to show it again, to say how it came about and to repeat it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from assistant.answer_options import AnswerOptions
from assistant.bot import Bot, Finished
from assistant.citations import says_not_stated
from assistant.history_text import place_of
from assistant.passages import LiteralIndex
from assistant.reading import ReadDocument
from assistant.receipts import beside_settings
from storage import AnswerRecord, CitationRecord


def answer_record(
    bot: Bot, event: Finished, document: ReadDocument, read_now: int, options: AnswerOptions, shared: bool
) -> AnswerRecord:
    """The receipt of one answer. `shared`: the store knows the document, so citations may name it."""
    engine, answer, receipt = bot.engine, event.answer, event.coverage
    cited = (*event.citations, *event.see_also)
    return AnswerRecord(
        model=engine.decoder.name,
        pattern=engine.pattern_for(max(len(segment) for segment in document.segments)),
        level=engine.options.level,
        impl=str(getattr(engine.options.impl, "value", engine.options.impl)),
        finish_reason=answer.finish,
        supported=event.supported,
        tokens=receipt.tokens,
        tokens_read=receipt.tokens_read,
        cached_tokens=max(0, answer.cached_tokens - read_now),
        generated_tokens=len(answer.token_ids),
        pages=receipt.pages,
        pages_unread=receipt.pages_unread,
        files=receipt.files,
        files_unread=receipt.files_unread,
        parse_s=document.held.parse_s,
        read_s=document.read.seconds,
        first_token_s=answer.first_token_s,
        total_s=answer.total_s,
        citations=tuple(_located(each, document, shared) for each in cited),
        seed=options.sampling.seed,
        dtype=_dtype(bot),
        bot_digest=hashlib.sha256(repr(bot.profile).encode()).hexdigest(),
        model_digest=engine.decoder.fingerprint,
        context=tuple(segment.key for segment in document.segments),
        settings=(
            ("context_tokens", str(answer.context_tokens)),
            ("exact", "yes" if answer.exact else "no"),
            ("looked_at", str(answer.looked_at)),
            ("refused", "yes" if says_not_stated(event.text, bot.profile.not_stated) else "no"),
            *((("sessions", str(receipt.sessions)), ("messages", str(receipt.messages))) if receipt.sessions else ()),
            *options.settings(),
            *beside_settings(event),
        ),
        evidence=event.sections,
    )


def _dtype(bot: Bot) -> str:
    shape = getattr(bot.engine.decoder, "shape", None)
    return str(shape.dtype).removeprefix("torch.") if shape is not None else ""


def _located(citation: CitationRecord, document: ReadDocument, shared: bool) -> CitationRecord:
    """The citation with what it cites: a document, or a message of a session, in whose words it then counts."""
    if document.places is None:
        return replace(citation, document_id=document.held.id) if shared else citation
    place = place_of(document.places, citation.start)
    if place is None:
        return citation
    words = document.held.document.text[place.start : place.end]
    found = LiteralIndex(words).find(citation.quote)
    start, end = found[0] if found else (citation.start - place.start, min(citation.end, place.end) - place.start)
    return replace(
        citation,
        start=start,
        end=end,
        conversation_id=place.conversation_id,
        session=place.session,
        seq=place.seq,
    )
