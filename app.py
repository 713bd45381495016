"""Unabridged on the command line: serve (default), read, ask, eval, key, doctor; the only reader of the environment."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parent
ENV = "UNABRIDGED_"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status: 0 done, 2 wrong input or unsupported, 130 interrupted."""
    options = parse(list(sys.argv[1:] if arguments is None else arguments))
    quiet_libraries()
    from ingest import IngestError  # imported late: `--help` and wrong flags answer at once

    try:
        commands = {"serve": serve, "read": read, "ask": ask, "history": history, "eval": evaluate, "key": key}
        return {**commands, "doctor": doctor}[options.command](options)
    except IngestError as error:
        return fail(error)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if expected(error):
            return fail(error)
        raise


def expected(error: Exception) -> bool:
    """Whether the error's text is meant for the user; asked late, as these packages take seconds to import."""
    from assistant.errors import AssistantError
    from sparse_backend import BackendError
    from storage import StorageError

    return isinstance(error, AssistantError | BackendError | StorageError)


def quiet_libraries() -> None:
    """No calls home, no telemetry, no chatter; set before the libraries are imported."""
    for name in ("GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ[name] = "False" if name.startswith("GRADIO") else "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def fail(error: Exception) -> int:
    """One line on stderr, exit status 2."""
    print(f"unabridged: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


# -- commands ------------------------------------------------------------------


def read(options: argparse.Namespace) -> int:
    """`read PATH…`: sections, anchors, tokens, pages, what was not read, and what reading would cost."""
    from assistant.errors import AssistantError
    from assistant.terminal import ReadCommand, read

    if options.depth is not None and options.depth < 1:
        raise AssistantError(f"--depth must be 1 or more, not {options.depth}.")
    command = ReadCommand(
        paths=sources(options),
        password=options.password or None,
        ocr=options.ocr,
        lint=options.lint,
        depth=options.depth,
        json=options.json,
    )
    read(command, service_options(options))
    return 0


def sources(options: argparse.Namespace) -> list[Any]:
    """The command line's paths; what looks like a URL stays text, for the loader to clone or refuse."""
    return [text if "://" in text or text.startswith("git@") else Path(text) for text in options.paths]


def ask(options: argparse.Namespace) -> int:
    """`ask [PATH…] -q QUESTION`: an answer with citations and the receipt; without PATH over the user's history."""
    from assistant.asking import AskCommand
    from assistant.asking import ask as answer

    command = AskCommand(
        paths=sources(options),
        question=options.question,
        user=options.user,
        conversation=options.conversation,
        password=options.password or None,
        ocr=options.ocr,
        json=options.json,
    )
    answer(command, service_options(options))
    return 0


def history(options: argparse.Namespace) -> int:
    """`history import|list|export|delete|restore|erase`: a customer's sessions, with no model loaded."""
    from assistant.history_command import HistoryCommand
    from assistant.history_command import history as manage

    names = ("action", "user", "file", "customer", "conversation", "form", "mask", "names", "out", "yes", "json")
    manage(HistoryCommand(**{name: getattr(options, name) for name in names}), service_options(options))
    return 0


def limits() -> Any:
    """The limits of parsing, each of which the environment may set: UNABRIDGED_MAX_FILE_BYTES=…"""
    from assistant.errors import AssistantError
    from ingest import Limits

    try:
        return Limits(**numbers(Limits()))  # type: ignore[arg-type]
    except ValueError as error:
        raise AssistantError(f"{ENV}… sets a wrong limit: {error}.") from None


def thresholds() -> Any:
    """From where on the signals warn, each of which the environment may set: UNABRIDGED_WARN_FIRST_TOKEN_S=…"""
    from assistant.thresholds import Thresholds

    return Thresholds(**numbers(Thresholds(), "WARN_"))


def numbers(defaults: Any, prefix: str = "") -> dict[str, float]:
    """What the environment sets of a value's fields, each a number of the default's kind."""
    from assistant.errors import AssistantError

    chosen: dict[str, float] = {}
    for name, default in ((name, getattr(defaults, name)) for name in defaults.__slots__):
        text = env(f"{prefix}{name.upper()}", "")
        try:
            if text:
                chosen[name] = type(default)(text)
        except ValueError:
            raise AssistantError(f"{ENV}{prefix}{name.upper()} must be a number, not “{text}”.") from None
    return chosen


def serve(options: argparse.Namespace) -> int:
    """`serve`: the page on http://HOST:PORT."""
    from assistant.errors import AssistantError
    from assistant.service import Service
    from assistant.users import parse_users
    from assistant.webhook import start_courier
    from assistant.webhook_address import Guard

    users = parse_users(options.users)
    if options.host not in ("127.0.0.1", "localhost", "::1") and not users:
        raise AssistantError(
            "Other machines could read your documents: set UNABRIDGED_USERS=name:password,… or stay on 127.0.0.1."
        )
    from assistant.web.server import launch, refuse_taken

    refuse_taken(options.host, options.port)  # a port in use must not cost the loading of a model either
    networks = tuple(each.strip() for each in env("WEBHOOK_NETWORKS", "").split(",") if each.strip())
    Guard(networks)  # a wrong network must not cost the loading of a model
    service = Service(service_options(options))
    service.purge(datetime.now(UTC))
    stop = start_courier(service.store, networks)
    try:
        launch(service, host=options.host, port=options.port, users=users, mcp=options.mcp)
    finally:
        stop.set()
        service.close()
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """`eval --document X --questions Y.json`: how many answers are right, cited and refused, beside its rivals."""
    from assistant.evaluate import EvalCommand
    from assistant.evaluate import evaluate as measure

    command = EvalCommand(
        paths=sources(options),
        questions=options.questions,
        levels=() if options.level == "auto" else tuple(options.level.split(",")),
        rivals=tuple(dict.fromkeys(options.rival)),
        out=options.out,
        run=options.run,
        password=options.password or None,
        ocr=options.ocr,
    )
    found = measure(command, service_options(options))
    report = found.pop("report")
    if not options.json:
        print(report)
    print(json.dumps(found, ensure_ascii=False))
    return 0


def key(options: argparse.Namespace) -> int:
    """`key --user U`: a new API key, shown this once; `--revoke ID` ends one."""
    from assistant.keys import ensure_user, issue_key
    from storage import Store

    store = Store.open(Path(options.data_dir).expanduser())
    try:
        if options.revoke:
            print(f"Revoked: {store.accounts.revoke_key(options.user, options.revoke).id}")
            return 0
        ensure_user(store, options.user, options.role)
        secret, known = issue_key(store, options.user, options.name, days=options.days)
        print(secret)
        print(f"This is shown once. To end it: app.py key --user {options.user} --revoke {known.id}", file=sys.stderr)
    finally:
        store.close()
    return 0


def doctor(options: argparse.Namespace) -> int:
    """`doctor`: what this machine has and what will be used."""
    from assistant.diagnosis import diagnose

    report = diagnose(service_options(options))
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        width = max(map(len, report))
        print("\n".join(f"{name:<{width}}  {value}" for name, value in report.items()))
    return 0


# -- settings ------------------------------------------------------------------


def service_options(options: argparse.Namespace) -> Any:
    """The settings of one service, from flags and environment."""
    from assistant.diagnosis import best_dtype
    from assistant.service_options import ServiceOptions

    return ServiceOptions(
        data_dir=Path(options.data_dir).expanduser(),
        model=options.model,
        bot=options.bot,
        pattern=options.pattern,
        level=options.level,
        profiles=Path(options.profiles).expanduser() if options.profiles else None,
        impl=options.impl,
        dtype=best_dtype() if options.dtype == "auto" else options.dtype,
        weights=options.weights,
        kv=options.kv,
        passphrase=env("PASSPHRASE", ""),
        limits=limits(),
        second_look=getattr(options, "second_look", 0.0),
        thresholds=thresholds(),
    )


def parse(arguments: list[str]) -> argparse.Namespace:
    """Flags over environment (UNABRIDGED_DATA_DIR, _MODEL, _BOT, _PROFILES, _WEIGHTS, _DTYPE, _PATTERN …)."""
    commands = ("serve", "read", "ask", "history", "eval", "key", "doctor")
    if not arguments or (arguments[0] not in commands and arguments[0] not in ("-h", "--help")):
        arguments = ["serve", *arguments]
    from assistant.history_flags import history_flags

    parser = argparse.ArgumentParser(prog="app.py", description="Reads the whole document, answers with proof.")
    sub = parser.add_subparsers(dest="command", required=True)
    for name, text in zip(
        commands,
        (
            "web app and HTTP API",
            "parse only",
            "ask on the terminal",
            "a customer's sessions: import, list, export, delete, restore, erase",
            "score answers on a document",
            "a new API key",
            "what this machine has",
        ),
        strict=True,
    ):
        command = sub.add_parser(name, help=text, description=text)
        shared_flags(command)
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
            command.set_defaults(bot=env("BOT", "support"))
        if name == "eval":
            command.add_argument("--document", dest="paths", nargs="+", required=True, metavar="PATH")
            command.add_argument("--questions", type=Path, required=True, metavar="Y.json")
            command.add_argument("--rival", nargs="*", default=["dense"], choices=["dense", "retrieval"])
            command.add_argument("--out", type=Path, metavar="DIR", help="where runs are kept; data/eval by default")
            command.add_argument("--run", metavar="NAME", help="name of the run; a hash of its settings by default")
        if name in ("read", "ask", "eval"):
            command.add_argument("--password", default=env("PASSWORD", ""), help="of an encrypted PDF")
            command.add_argument("--ocr", action="store_true", help="read scanned pages with Tesseract, if installed")
        if name == "key":
            command.add_argument("--user", required=True)
            command.add_argument("--role", default="member", choices=("member", "agent", "admin"), help="of a new user")
            command.add_argument("--name", default="", help="what the key is for")
            command.add_argument("--days", type=int, metavar="N", help="valid so long; for ever unless given")
            command.add_argument("--revoke", metavar="ID")
        if name == "serve":
            command.add_argument("--host", default=env("HOST", "127.0.0.1"))
            command.add_argument("--port", type=int, default=int(env("PORT", "7860")))
            command.add_argument(
                "--mcp", action="store_true", default=bool(env("MCP", "")), help="an MCP server at /mcp"
            )
            share = env("SECOND_LOOK", "0.05")
            command.add_argument(
                "--second-look",
                type=float,
                default=share,
                metavar="SHARE",
                help="of answers compared with dense attention",
            )
            command.set_defaults(users=env("USERS", ""))
    return parser.parse_args(arguments)


def shared_flags(command: argparse.ArgumentParser) -> None:
    """The flags that every command knows."""
    command.add_argument("--data-dir", default=env("DATA_DIR", str(HOUSE / "data")))
    command.add_argument("--model", default=env("MODEL", "embedded"), help="hub id, local folder or GGUF file")
    command.add_argument("--weights", default=env("WEIGHTS", "exact"), help="exact, int8 or int4")
    command.add_argument("--kv", default=env("KV", "exact"), help="how what was read is kept: exact, int8 or int4")
    command.add_argument("--dtype", default=env("DTYPE", "auto"), help="auto, bfloat16, float16 or float32")
    command.add_argument("--bot", default=env("BOT", "legal"), help="legal, code, support, or one of --profiles")
    command.add_argument("--profiles", default=env("PROFILES", ""), metavar="DIR", help="a folder of your own bots")
    command.add_argument("--pattern", default=env("PATTERN", ""), help="the bot's own, else headers")
    command.add_argument("--level", default=env("LEVEL", "auto"), help="auto, faithful, balanced or fast")
    command.add_argument("--impl", default=env("IMPL", "auto"), help="auto, cpu, triton or reference")
    command.add_argument("--json", action="store_true")


def env(name: str, default: str) -> str:
    """A setting from the environment."""
    return os.environ.get(ENV + name) or default


if __name__ == "__main__":
    sys.exit(main())
