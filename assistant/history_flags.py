"""The flags of `history`; apart from the command, so that `--help` loads nothing else."""

from __future__ import annotations

import argparse
from pathlib import Path


def history_flags(command: argparse.ArgumentParser) -> None:
    """The flags of `history`."""
    command.add_argument("action", choices=["import", "list", "export", "delete", "restore", "erase"])
    command.add_argument("file", nargs="?", type=Path, metavar="FILE.json", help="import: the history")
    command.add_argument("--user", default="me", help="whose history it is")
    command.add_argument("--customer", metavar="NAME", help="import: which one of a file with several")
    command.add_argument("--conversation", metavar="ID", help="delete: only this one; restore: which one")
    command.add_argument("--format", dest="form", default="json", choices=["json", "md", "everything"])
    command.add_argument("--mask", action="store_true", help="export: personal data as placeholders")
    command.add_argument("--name", dest="names", action="append", default=[], help="export: a name to be masked too")
    command.add_argument("--out", type=Path, metavar="FILE", help="export: where to; standard output by default")
    command.add_argument("--yes", action="store_true", help="delete, erase: yes, I mean it")
