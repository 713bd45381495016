"""Legal padding around a clause: openings, qualifications and sentences without facts, so that values stand in long ones."""

from __future__ import annotations

import random

_OPENINGS = (
    "Subject to the terms and conditions of this Agreement, ", "Notwithstanding anything to the contrary contained herein, ", "Unless the parties agree otherwise in writing, ",
    "Without limiting any other provision of this Agreement, ", "For the avoidance of doubt, and in addition to any rights under applicable law, ",
    "The parties acknowledge and agree that, as from the date of this Agreement, ", "Except as expressly set forth elsewhere in this Agreement, ",
    "In consideration of the mutual covenants set out in this Agreement, ", "To the fullest extent permitted by applicable law, ", "During the term of this Agreement, ",
    "It is understood and agreed between the parties that ", "In furtherance of the purposes of this Agreement and in good faith, ",
    "Save where a mandatory provision of law requires otherwise, ", "Without prejudice to the rights that have accrued by then, ",
)  # fmt: skip
_ENDINGS = (
    ", in each case without prejudice to any other right or remedy available to the parties", ", as the same may be amended from time to time in accordance with its terms",
    ", unless prevented by circumstances for which it is not responsible", ", provided that the other party has complied with its own obligations in all material respects",
    ", it being understood that time is not of the essence in this respect", ", and the parties shall cooperate in good faith to give effect to the foregoing",
    ", all of the foregoing subject to mandatory provisions of applicable law", ", which the parties consider fair and reasonable in the circumstances",
    ", including by means of such further documents as may reasonably be required", ", regardless of whether such circumstances were foreseeable",
)  # fmt: skip
_SENTENCES = (
    "The parties shall execute such further documents as may reasonably be necessary to carry out the intent of this provision.",
    "Any failure to do so shall be dealt with in accordance with the other provisions of this Agreement.",
    "The foregoing shall be interpreted in light of the purposes of this Agreement and of the good faith that the parties owe each other.",
    "Each party shall bear its own costs and expenses in this respect, including the fees of its advisers.",
    "Nothing in this provision shall be construed as limiting the rights that a party has under mandatory law.",
    "The parties acknowledge that they have been advised by counsel on the meaning of this provision.",
    "References in this provision to a party include its permitted successors and, where the context so requires, its representatives.",
    "This provision has been negotiated by the parties at arm's length and reflects an agreed allocation of risk.",
    "Where the parties have agreed on a more specific provision in a schedule, that provision shall be read together with this one.",
    "The headings in this Agreement are for convenience only and do not affect the interpretation of this provision.",
    "A party that relies on this provision shall act reasonably and shall keep appropriate records of the relevant facts.",
    "The rights under this provision are cumulative and may be exercised as often as the party considers appropriate.",
    "The parties intend this provision to be binding, notwithstanding that certain details may remain to be settled between them.",
    "For purposes of this provision the word including means including without limitation, and the singular includes the plural.",
    "If the circumstances on which this provision is based change fundamentally, the parties shall discuss in good faith whether it remains appropriate.",
    "No course of dealing between the parties shall be taken to modify this provision.",
    "Any discretion given to a party under this provision shall be exercised honestly and without caprice.",
    "The parties shall keep each other reasonably informed about matters that are relevant to the performance of this provision.",
)  # fmt: skip
_KEEP = (
    "The ",
    "Within ",
    "After ",
    "For ",
    "If ",
    "From ",
    "At ",
    "All ",
    "Each ",
    "Every ",
    "No ",
    "Upon ",
    "On ",
    "During ",
    "A ",
    "An ",
    "This ",
)


def dressed(text: str, r: random.Random) -> str:
    """The clause with none, some or much of the padding; its own words stay as they are."""
    much = r.choice((0.0, 0.2, 0.5, 0.8))
    if r.random() < much * 0.7 and text.startswith(_KEEP):
        text = r.choice(_OPENINGS) + text[:1].lower() + text[1:]
    if r.random() < much * 0.6 and text.endswith("."):
        text = text[:-1] + r.choice(_ENDINGS) + "."
    for sentence in r.sample(_SENTENCES, r.randint(0, 3)):
        if r.random() < much:
            text = f"{sentence} {text}" if r.random() < 0.3 else f"{text} {sentence}"
    return text
