"""`python -m sparse_backend.eval`, see cli."""

import sys

from sparse_backend.eval.cli import main

if __name__ == "__main__":
    sys.exit(main())
