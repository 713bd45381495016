"""For the operator: `python -m storage verify|backup|restore|purge`. Exit status 2 and one sentence when it fails."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from storage.backup import back_up, restore
from storage.records import StorageError
from storage.records_support import Verification
from storage.store import Store


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m storage", description="Looks after the database.")
    parser.add_argument("--data-dir", default="data", metavar="DIR|URL", help="where the database lies")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("verify", help="derive every hash again; check order, search index and structure")
    commands.add_parser("purge", help="remove what the organisations keep no longer")
    for name, about in (("backup", "copy a SQLite database while it is used"), ("restore", "put a backup in place")):
        commands.add_parser(name, help=about).add_argument("file", type=Path, help="the backup")
    options = parser.parse_args(arguments)
    try:
        return _run(options.command, options.data_dir, options)
    except StorageError as error:
        print(error, file=sys.stderr)
        return 2


def _run(command: str, where: str, options: argparse.Namespace) -> int:
    if command == "backup":
        return _report(back_up(where, options.file))
    if command == "restore":
        return _report(restore(options.file, where))
    store = Store.open(where)
    try:
        if command == "verify":
            return _report(store.verify())
        gone = store.privacy.purge(datetime.now(UTC))
        talks, documents = len(gone.conversations), len(gone.documents)
        print(f"{talks} conversations, {gone.messages} messages and {documents} documents are gone for good.")
        for document in gone.documents:
            print(document)
        return 0
    finally:
        store.close()


def _report(found: Verification) -> int:
    print(f"{found.messages} messages verified, {found.pending} unfinished, {len(found.problems)} problems.")
    for problem in found.problems:
        print(f"{problem.where}: {problem.what}")
    return 2 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
