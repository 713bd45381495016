"""The address of a message: a hash of what it says and of everything said before it.

Keying messages by hash(content + parent hash) with a tagged algorithm follows simonw/llm's log store. The tag `u1:`
names this algorithm, so that another one can stand beside it later.
"""

import hashlib
import json

TAG = "u1:"
ROOT = ""  # the parent hash of a first message


def message_hash(parent_hash: str, role: str, content: str) -> str:
    """`u1:` and the hex SHA-256 of the JSON array [parent hash, role, content], without spaces, in UTF-8."""
    canonical = json.dumps([parent_hash, role, content], ensure_ascii=False, separators=(",", ":"))
    return TAG + hashlib.sha256(canonical.encode()).hexdigest()
