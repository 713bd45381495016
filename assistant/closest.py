"""The passages that a question leads to: where its own words made the model look, whatever it answered then.

They are shown beside an answer that is not sure, and above all beside “not stated”: there the reader sees at once
whether the document is silent or the model was.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from assistant.checked import Place
from assistant.citations import Citer, Mass

CLOSEST = "closest"  # the kind of such a citation
LEADS = "The question leads to these passages"
MOST = 3  # beside an answer, which has sources of its own
MOST_REFUSED = 5
SHORTEST = 24  # characters; less is a number or a lone heading


def closest(citer: Citer, asked: Mass, taken: Collection[tuple[int, int]] = (), most: int = MOST) -> tuple[Place, ...]:
    """The `most` passages looked at most, that first; those in `taken`, [start, end) in the text, are left out.

    `asked` [document tokens]: attention mass of the question. Nothing where nothing was looked at.
    """
    mass = citer.mass(asked)
    places: list[Place] = []
    for index in np.argsort(-mass, kind="stable").tolist():
        start, end = citer.passage(index)
        if mass[index] <= 0.0 or len(places) == most:
            break
        if end - start >= SHORTEST and not any(start < high and low < end for low, high in taken):
            places.append(Place(start, end, CLOSEST))
    return tuple(places)
