"""Saved segments on the command line: `python -m sparse_backend.kvtool verify|usage|delete [KEY] --segments DIR`.

The passphrase of an encrypted folder is the first line of the file given with --passphrase-file. The last line of
stdout is one JSON object. Exit status 1: verify found damage, or there was nothing to delete; 2: it could not be done.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from sparse_backend.config import BackendError, SegmentStoreError
from sparse_backend.kvstore import SegmentStore, StoreOptions
from sparse_backend.sealing import derive_key


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command."""
    parser = argparse.ArgumentParser(prog="python -m sparse_backend.kvtool", description=__doc__)
    parser.add_argument("command", choices=["verify", "usage", "delete"])
    parser.add_argument("key", nargs="?", help="of the segment to delete; what was derived from it goes too")
    parser.add_argument("--segments", type=Path, required=True, metavar="DIR")
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if (options.command == "delete") != (options.key is not None):
        parser.error("delete needs the KEY of a segment, and nothing else does")
    try:
        store = _opened(options.segments, options.passphrase_file)
        return {"verify": _verify, "usage": _usage}.get(options.command, lambda _: _delete(store, options.key))(store)
    except (BackendError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


def _opened(root: Path, passphrase_file: Path | None) -> SegmentStore:
    if not root.is_dir():
        raise SegmentStoreError(f"There is no folder {root}; name the folder of saved segments with --segments.")
    lines = passphrase_file.read_text("utf-8").splitlines() if passphrase_file else []
    key = derive_key(lines[0] if lines else "", root) if passphrase_file else None
    store = SegmentStore(root, StoreOptions(key=key))
    store.open()
    return store


def _verify(store: SegmentStore) -> int:
    verdict = store.verify()
    for name, reason in verdict.damaged:
        print(f"{name}: {reason}")
    found = {"segments": verdict.segments, "bytes": verdict.bytes, "damaged": [name for name, _ in verdict.damaged]}
    print(json.dumps(found))
    return 1 if verdict.damaged else 0


def _usage(store: SegmentStore) -> int:
    number, size = store.usage()
    print(json.dumps({"segments": number, "bytes": size}))
    return 0


def _delete(store: SegmentStore, key: str) -> int:
    before = store.usage()[0]
    store.delete(key)
    deleted = before - store.usage()[0]
    print(json.dumps({"deleted": deleted}))
    return 0 if deleted else 1


if __name__ == "__main__":
    sys.exit(main())
