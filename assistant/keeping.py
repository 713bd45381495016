"""How what was read is kept: in which form, and sealed with which passphrase."""

from __future__ import annotations

from assistant.service_options import ServiceOptions
from sparse_backend.kvstore import SegmentStore, StoreOptions
from sparse_backend.quantize import parse_kv_format
from sparse_backend.sealing import derive_key


def store_options(options: ServiceOptions, folder: str = "segments") -> StoreOptions:
    """The options of the store of segments in a folder of the data folder.

    Raises UnsupportedPatternError and WrongKeyError.
    """
    root = options.data_dir / folder
    key = derive_key(options.passphrase, root) if options.passphrase else None
    return StoreOptions(kv_format=parse_kv_format(options.kv), key=key)


def segments(options: ServiceOptions) -> SegmentStore:
    """The store of segments in the data folder, opened."""
    store = SegmentStore(options.data_dir / "segments", store_options(options))
    store.open()
    return store
