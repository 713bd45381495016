"""Encoders of transformers (Longformer, BigBird, LED, Reformer) run with this backend's attention."""
