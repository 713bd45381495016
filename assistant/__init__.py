"""Composes ingest, sparse_backend and storage into bots that answer with proof."""
