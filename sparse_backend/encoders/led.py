"""LED's encoder (Beltagy et al. 2020, arXiv:2004.05150, section 7): its self-attention is Longformer's.

The decoder keeps transformers' own attention: it is short, and reads the encoder densely.
"""

from __future__ import annotations

from sparse_backend.encoders.longformer import forward

__all__ = ["forward"]
