"""Keys of segments that belong to one organisation: equal documents of two organisations share nothing.

Who does not know the salt can neither tell from a file's name what was read, nor find it sooner by asking for it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from sparse_backend.segment import segment_key


def salted_segment_key(
    salt: str, model: str, pattern: str, impl: str, token_ids: Sequence[int], anchors: Sequence[int]
) -> str:
    """Hex HMAC-SHA256 of `segment_key(...)` under the organisation's `salt`, a secret made once and never changed.

    Raises ValueError for an empty salt, which would be everybody's.
    """
    if not salt:
        raise ValueError("the salt of an organisation must not be empty")
    key = hashlib.sha256(salt.encode()).digest()  # HMAC itself takes “a” and “a\0” for the same
    return hmac.new(key, segment_key(model, pattern, impl, token_ids, anchors).encode(), hashlib.sha256).hexdigest()
