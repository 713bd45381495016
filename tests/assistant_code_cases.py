"""The small repository in ten languages as one Document, for the tests of the code bot."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ingest import Document, load

SHOP = Path(__file__).parent / "fixtures/code/shop.txt"
CALLER = '''"""Runs the shop; load is spoken of here but not called."""

from shop.cart import Cart, load


def main(path: str = "load") -> None:
    # load(path) would be wrong here
    cart = load(path)
    print(cart.total())


class Till:
    total = 0
'''


def written(folder: Path) -> Path:
    """The shop as files, with one more that calls into it."""
    _, *pieces = re.split(r"^==> (.+) <==\n", SHOP.read_text("utf-8"), flags=re.M)
    for path, source in zip(pieces[::2], pieces[1::2], strict=True):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source, "utf-8")
    (folder / "src/run.py").write_text(CALLER, "utf-8")
    return folder


@cache
def shop() -> Document:
    """The document of it, read once."""
    with TemporaryDirectory() as folder:
        return load([written(Path(folder) / "shop")])
