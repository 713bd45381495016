"""One module per implementation; none imports another. `attention.py` chooses."""
