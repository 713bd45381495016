"""Unabridged on the command line: serve (default), read, ask, compare, history, eval, calibrate, key, invite …"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.flags import chosen, parse
from assistant.settings import GONE, Settings, unknown


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status: 0 done, 2 wrong input or unsupported, 130 interrupted."""
    options = parse(list(sys.argv[1:] if arguments is None else arguments))
    quiet_libraries()
    for sentence in unknown(name for name in os.environ if name not in GONE):
        print(f"unabridged: {sentence}", file=sys.stderr)
    from ingest import IngestError  # imported late: `--help` and wrong flags answer at once

    try:
        commands = {"serve": serve, "read": read, "ask": ask, "history": history, "eval": evaluate, "key": key}
        more = {"calibrate": calibrate, "compare": compare, "invite": invite, "doctor": doctor}
        return {**commands, **more}[options.command](options)
    except IngestError as error:
        return fail(error)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if expected(error) or (isinstance(error, OSError) and of_a_folder_given(error, options)):
            return fail(error)
        raise


def of_a_folder_given(error: OSError, options: argparse.Namespace) -> bool:
    """Whether the user named a folder that cannot be used: the data folder, or where --out shall go.

    The system's own words, “Permission denied: '/data/models'”, then say what is wrong and where.
    """
    named = [settings_of(options).data_dir, *filter(None, [getattr(options, "out", None)])]
    places = [Path(each) for each in (error.filename, error.filename2) if isinstance(each, str | os.PathLike)]
    return any(place.absolute().is_relative_to(Path(each).absolute()) for place in places for each in named)


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
    told = str(error)
    if isinstance(error, OSError):
        told = f"{error.filename} cannot be used ({error.strerror}); choose another place with --data-dir or --out."
    print(f"unabridged: {' '.join(told.split())}", file=sys.stderr)
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
        password=password(options),
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
        password=password(options),
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


def compare(options: argparse.Namespace) -> int:
    """`compare OLD NEW`: two versions of a contract, clause beside clause, with their changed words."""
    from assistant.compare_command import compare as contrast

    contrast(sources(options), settings_of(options).limits(), password(options), ocr=options.ocr, as_json=options.json)
    return 0


def serve(options: argparse.Namespace) -> int:
    """`serve`: the page on http://HOST:PORT."""
    from assistant.scratch import Scratch

    settings = settings_of(options)
    scratch = Scratch(settings.data_dir / "page")
    os.environ["GRADIO_TEMP_DIR"] = str(scratch.folder)  # Gradio asks for it when it is imported
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again when it has ended in order
    try:
        return serve_with(options, settings)
    finally:
        scratch.close()


def serve_with(options: argparse.Namespace, settings: Settings) -> int:
    """The same once it is known where files of the page may lie."""
    from assistant.errors import AssistantError
    from assistant.service import Service
    from assistant.web.server import launch, refuse_taken
    from assistant.web.serving import server_options
    from assistant.webhook import start_courier
    from assistant.webhook_address import Guard

    if "UNABRIDGED_USERS" in os.environ:
        raise AssistantError(GONE["UNABRIDGED_USERS"])
    served = server_options(settings)
    refuse_taken(served.host, served.port)  # a port in use must not cost the loading of a model either
    Guard(settings.webhook_networks)  # a wrong network must not cost the loading of a model
    service = Service(service_options(options))
    service.purge(datetime.now(UTC))
    stop = start_courier(service.store, settings.webhook_networks)
    try:
        launch(service, served)
    finally:
        stop.set()
        service.close()
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """`eval --document X --questions Y.json`: how many answers are right, cited and refused, beside its rivals."""
    from assistant.evaluate import EvalCommand
    from assistant.evaluate import evaluate as measure

    level = settings_of(options).level
    command = EvalCommand(
        paths=sources(options),
        questions=options.questions,
        levels=() if level == "auto" else tuple(level.split(",")),
        rivals=tuple(dict.fromkeys(options.rival)),
        out=options.out,
        run=options.run,
        password=password(options),
        ocr=options.ocr,
    )
    found = measure(command, service_options(options))
    report = found.pop("report")
    if not options.json:
        print(report)
    print(json.dumps(found, ensure_ascii=False))
    return 0


def calibrate(options: argparse.Namespace) -> int:
    """`calibrate`: which heads of the model look at the proof, what its confidence is worth; once for each model."""
    from assistant.calibrate import calibrate as find
    from assistant.terminal import show_count

    print(json.dumps(find(service_options(options), texts=options.texts, progress=show_count), ensure_ascii=False))
    return 0


def key(options: argparse.Namespace) -> int:
    """`key --user U`: a new API key, shown this once; `--revoke ID` ends one."""
    from assistant.keys import ensure_user, issue_key
    from storage import Store

    store = Store.open(service_options(options).where)
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


def invite(options: argparse.Namespace) -> int:
    """`invite`: a one-time link for somebody new of this installation, or for a new password of `--user`."""
    from assistant.entrance import Entrance
    from assistant.keys import ensure_local
    from assistant.web.serving import server_options
    from storage import Store
    from storage.records import LOCAL
    from storage.records_people import OPERATOR

    settings = settings_of(options)
    store = Store.open(service_options(options).where)
    try:
        served = server_options(settings.model_copy(update={"accounts": True}))
        entrance = Entrance(store, served.entrance)
        ensure_local(store)
        if options.user:
            token = entrance.link_for(options.user)
        else:
            token = entrance.invite(OPERATOR, organisation=LOCAL, role=options.role)
    finally:
        store.close()
    print(f"{served.address}join/{token}")
    return 0


def doctor(options: argparse.Namespace) -> int:
    """`doctor`: what this machine has and what will be used."""
    from assistant.diagnosis import diagnose

    report = diagnose(service_options(options)) | settings_of(options).table()
    report |= {f"unknown setting {number}": each for number, each in enumerate(unknown(os.environ), 1)}
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        width = max(map(len, report))
        print("\n".join(f"{name:<{width}}  {value}" for name, value in report.items()))
    return 0


# -- settings ------------------------------------------------------------------


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings, with the flags that were given."""
    return Settings.load(chosen(options, tuple(Settings.model_fields)))


def service_options(options: argparse.Namespace) -> Any:
    """The settings of one service, from flags and environment."""
    from assistant.diagnosis import best_dtype
    from assistant.service_options import ServiceOptions

    settings = settings_of(options)
    alone = options.command != "serve" or not settings.accounts
    of_history = options.command == "history" and settings.source("bot") == "default"
    return ServiceOptions(
        data_dir=settings.data_dir,
        database=settings.database_url.get_secret_value(),
        model=settings.model,
        bot="support" if of_history else settings.bot,
        pattern=settings.pattern,
        level=settings.level,
        profiles=settings.profiles,
        impl=settings.impl,
        dtype=best_dtype() if settings.dtype == "auto" else settings.dtype,
        weights=settings.weights,
        kv=settings.kv,
        passphrase=settings.passphrase.get_secret_value(),
        limits=settings.limits(),
        second_look=settings.second_look if options.command == "serve" else 0.0,
        thresholds=settings.thresholds(),
        private_hosts=alone if settings.private_git is None else settings.private_git,
    )


def password(options: argparse.Namespace) -> str | None:
    """Of an encrypted PDF."""
    return settings_of(options).password.get_secret_value() or None


if __name__ == "__main__":
    sys.exit(main())
