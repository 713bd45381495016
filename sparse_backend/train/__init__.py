"""Trains the embedded model to read under our own pattern: data, training, evaluation and the compact difference.

Nothing here is imported when the app runs; `python -m sparse_backend.train` is its only door.
"""
