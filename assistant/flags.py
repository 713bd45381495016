"""The command line: commands and flags. A flag that is not given is left to the settings."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.history_flags import history_flags

COMMANDS = {
    "serve": "web app and HTTP API",
    "read": "parse only",
    "ask": "ask on the terminal",
    "history": "a customer's sessions: import, list, export, delete, restore, erase",
    "compare": "two versions of a contract",
    "eval": "score answers on a document",
    "calibrate": "find the heads and the confidence of a model",
    "key": "a new API key",
    "invite": "a one-time link for somebody new, or for a new password",
    "doctor": "what this machine has, and every setting",
}
SETTINGS = (  # flags that are settings: on every command
    ("--data-dir", "where everything is kept"),
    ("--model", "hub id, local folder or GGUF file"),
    ("--weights", "exact, int8 or int4"),
    ("--kv", "how what was read is kept: exact, int8 or int4"),
    ("--dtype", "auto, bfloat16, float16 or float32"),
    ("--bot", "legal, code, support, or one of --profiles"),
    ("--profiles", "a folder of your own bots"),
    ("--pattern", "the bot's own, else headers"),
    ("--level", "auto, faithful, balanced or fast"),
    ("--impl", "auto, cpu, triton or reference"),
)
SERVED = (
    ("--host", "where to listen; anything but this machine needs --accounts"),
    ("--port", "the port"),
    ("--public-url", "how people reach the server behind a proxy"),
    ("--second-look", "the share of answers compared with dense attention"),
    ("--trusted-proxies", "proxies whose word on the client's address is taken"),
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was typed; `serve` where no command was."""
    words = list(arguments)
    if not words or (words[0] not in COMMANDS and words[0] not in ("-h", "--help")):
        words = ["serve", *words]
    parser = argparse.ArgumentParser(prog="app.py", description="Reads the whole document, answers with proof.")
    sub = parser.add_subparsers(dest="command", required=True)
    for name, text in COMMANDS.items():
        command = sub.add_parser(name, help=text, description=text)
        for flag, told in SETTINGS:
            _setting(command, flag, told)
        command.add_argument("--json", action="store_true")
        _flags_of(name, command)
    return parser.parse_args(words)


def chosen(options: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Those of the flags that are settings and were given. An empty one is not given, as an empty variable is not."""
    return {name: value for name, value in vars(options).items() if name in names and value not in (None, "")}


def _setting(command: argparse.ArgumentParser, flag: str, told: str, **more: Any) -> None:
    command.add_argument(flag, default=argparse.SUPPRESS, help=told, **more)


def _flags_of(name: str, command: argparse.ArgumentParser) -> None:
    """The flags of one command alone."""
    if name in ("serve", "invite", "doctor"):
        for flag, told in SERVED:
            _setting(command, flag, told)
        for flag, told in (("--accounts", "everybody logs in"), ("--mcp", "an MCP server at /mcp")):
            _setting(command, flag, told, action=argparse.BooleanOptionalAction)
    if name == "read":
        command.add_argument("paths", nargs="+", metavar="PATH")
        command.add_argument("--lint", action="store_true", help="what is wrong with a contract's structure")
        command.add_argument("--depth", type=int, metavar="N", help="show sections down to level N")
    if name == "ask":
        command.add_argument("paths", nargs="*", metavar="PATH")
        command.add_argument("-q", "--question", required=True)
        command.add_argument("--user", default="me")
        command.add_argument("--conversation", metavar="ID")
    if name == "history":
        history_flags(command)
    if name == "eval":
        command.add_argument("--document", dest="paths", nargs="+", required=True, metavar="PATH")
        command.add_argument("--questions", type=Path, required=True, metavar="Y.json")
        command.add_argument("--rival", nargs="*", default=["dense"], choices=["dense", "retrieval"])
        command.add_argument("--out", type=Path, metavar="DIR", help="where runs are kept; data/eval by default")
        command.add_argument("--run", metavar="NAME", help="name of the run; a hash of its settings by default")
    if name == "calibrate":
        command.add_argument("--texts", type=int, default=60, metavar="N", help="generated texts to ask about")
    if name == "compare":
        command.add_argument("paths", nargs=2, metavar="VERSION", help="the old one, then the new one")
    if name in ("read", "ask", "compare", "eval"):
        _setting(command, "--password", "of an encrypted PDF")
        command.add_argument("--ocr", action="store_true", help="read scanned pages with Tesseract, if installed")
    if name == "key":
        command.add_argument("--user", required=True)
        command.add_argument("--name", default="", help="what the key is for")
        command.add_argument("--days", type=int, metavar="N", help="valid so long; for ever unless given")
        command.add_argument("--revoke", metavar="ID")
    if name == "invite":
        command.add_argument("--user", help="who is here already, for a new password; else somebody new")
    if name in ("key", "invite"):
        command.add_argument("--role", default="member", choices=("member", "agent", "admin"), help="of a new user")
