"""What the commands of `python -m sparse_backend.train` do."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from sparse_backend.embedded import SHA256
from sparse_backend.reader_delta import BASE_HASH, apply, make, weights_hash
from sparse_backend.train import trainer as training
from sparse_backend.train.network import Reader, Sizes
from sparse_backend.train.packing import RowShape
from sparse_backend.train.stream import by_workers
from sparse_backend.train.texts.corpus import Corpus
from sparse_backend.train.texts.encoding import Document, Encoding
from sparse_backend.train.texts.mix import Mix


def shapes(tokens: int) -> tuple[RowShape, RowShape]:
    """The two shapes of rows of `tokens`: documents up to 8K, and those beyond with what their questions select."""
    bank = tokens * 3 // 16 // 128 * 128
    return RowShape(tokens, bank, 0, tokens // 4), RowShape(tokens, bank, tokens // 4, tokens // 4)


def packages(options: argparse.Namespace) -> None:
    """Downloads and unpacks the packages of the manifest; those that could not be had are named at the end."""
    from sparse_backend.train.texts.packages import fetch, named

    options.folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in named(options.manifest):
        try:
            fetch(name, options.folder, options.index)
        except (OSError, LookupError, subprocess.CalledProcessError) as error:
            failed.append(f"{name}: {error}")
    if failed:
        raise SystemExit("These packages are missing:\n" + "\n".join(failed))


def collect(options: argparse.Namespace) -> None:
    """Packages unpacked below a folder -> corpus, held-out corpus and manifest."""
    from sparse_backend.train.texts.collect import collect as gather

    gather(options.folder, options.out, {"prose": 46_000_000, "code": 24_000_000, "legal": 8_000_000}, 2_400_000)


def base(options: argparse.Namespace) -> None:
    """The GGUF file, given whole or in parts, unpacked to bf16; the tokenizer is copied beside it."""
    from sparse_backend.train.base import unpack

    options.base.mkdir(parents=True, exist_ok=True)
    if (options.base / "tokenizer.json").exists():
        return
    joined = options.base / "model.gguf"
    joined.write_bytes(b"".join(part.read_bytes() for part in options.parts))
    with joined.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != SHA256:
            raise SystemExit("the parts do not make the embedded model that this version expects")
    found = weights_hash(unpack(joined, options.base, Sizes()))
    joined.unlink()
    if found != BASE_HASH:
        raise SystemExit(f"the weights came out as {found}, not as the app unpacks them")
    shutil.copy(options.tokenizer / "tokenizer.json", options.base)


def show(options: argparse.Namespace) -> None:
    """Prints pages with questions and answers, to be read by eye."""
    mix = _mix(options, 65536)
    for index in range(options.count):
        page = mix.page(random.Random(options.seed * 1000 + index), options.kind, options.tokens)
        document = Document(mix.encoding, page)
        print(f"===== {page.kind}: {len(document.ids)} tokens, {len(page.headers)} headers")
        if options.text:
            print(page.text)
        for asked in page.asked:
            print(f"[{asked.family}] {asked.question}\n{mix.encoding.decode(document.answer(asked))}\n")


def smoke(options: argparse.Namespace) -> None:
    """A few steps of each kind of row on random weights, and the kernel against the rule: speed and memory."""
    from sparse_backend.train.check import check_kernel, costliest

    mix = _mix(options, options.tokens)
    say = _log(options.out, "smoke")
    with by_workers(mix.ready, 0, options.workers) as rows:
        begin = time.monotonic()
        first = [next(rows) for _ in range(8)]
        say({"seconds_for_8_rows": round(time.monotonic() - begin, 1), **_filled(first)})
        for row, states in (first[0], first[3]):
            say(check_kernel(row, states, repeat=options.repeat_heads))
        trainer = _trainer(options, Reader(Sizes()))
        trainer.run(iter(first * 100), options.seconds, say, every=8)
        for name, milliseconds in costliest(lambda: trainer.step(*first[0], 0.0)):
            say({"kernel": name[:90], "ms": round(milliseconds, 1)})


def train(options: argparse.Namespace) -> None:
    """Trains for `--seconds`, going on from `--state` if it is there, and saves the state."""
    mix = dataclasses.replace(_mix(options, options.tokens), shortest=options.shortest, far_every=options.far_every)
    say = _log(options.out, "train")
    saved = training.saved_progress(options.state)
    start = saved.step if saved else 0
    with by_workers(mix.ready, start, options.workers) as rows:
        reader = Reader(Sizes())
        reader.fill(_start(options))
        trainer = _trainer(options, reader)
        say({"resumed": training.resume(trainer, options.state), "step": trainer.progress.step})
        trainer.run(rows, options.seconds, say)
    begin = time.monotonic()
    training.save(trainer, options.state)
    done = trainer.progress
    say({"saved_in_s": round(time.monotonic() - begin, 1), "step": done.step, "learnt": done.learnt})
    say({"tokens": done.tokens, "seconds": round(done.seconds, 1)})


def evaluate(options: argparse.Namespace) -> None:
    """Scores the base model, a training state or a difference, and writes the table."""
    from sparse_backend.train.evaluate import Judge

    reader = Reader(Sizes())
    weights = weights_of(options.base)
    if options.state:
        state = load_file(options.state / "state.safetensors")
        weights = {key.removeprefix("weight."): value for key, value in state.items() if key.startswith("weight.")}
    elif options.reader:
        weights = _start(options)
    reader.fill(weights)
    mix = dataclasses.replace(_mix(options, 65536), held_out=True)
    say = _log(options.out, f"evaluate-{options.name}")
    Judge(reader.to(torch.bfloat16), mix, say, repeat=options.repeat_heads, dense=options.dense).run(
        options.lengths, options.documents, options.pages, options.seconds
    )


def teacher(options: argparse.Namespace) -> None:
    """Lets a larger model write questions about passages of the corpus, and keeps those that it answers back."""
    from sparse_backend.train.teacher import teach
    from sparse_backend.train.teacher_model import TeacherModel

    options.out.parent.mkdir(parents=True, exist_ok=True)
    say = _log(options.out.parent, "teacher")
    corpus = Corpus.load(*options.corpus)
    begin = time.monotonic()
    model = TeacherModel(options.model, options.device)
    say({"loaded_s": round(time.monotonic() - begin, 1), "prose": len(corpus.prose)})
    teach(model, corpus, options.out, seconds=options.seconds, batch=options.batch, seed=options.seed, say=say)


def adapter(options: argparse.Namespace) -> None:
    """Writes the difference between a training state and the base model."""
    state = load_file(options.state / "state.safetensors")
    trained = {key.removeprefix("weight."): value for key, value in state.items() if key.startswith("weight.")}
    print(json.dumps(make(load_file(options.base / "model.safetensors"), trained, options.out, bits=options.bits)))


def _start(options: argparse.Namespace) -> dict[str, torch.Tensor]:
    """What training starts from: the base weights, or those that a difference makes of them."""
    if not options.reader:
        return weights_of(options.base)
    whole = apply(load_file(options.base / "model.safetensors"), options.reader)
    return {name: value.float() for name, value in whole.items()}


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """The base weights in float32."""
    return {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}


def _mix(options: argparse.Namespace, tokens: int) -> Mix:
    near, far = shapes(tokens)
    corpus = Corpus.load(*options.corpus, taught=tuple(options.taught))
    return Mix(corpus, Encoding(options.base), near, far, options.seed)


def _trainer(options: argparse.Namespace, reader: Reader) -> training.Trainer:
    from sparse_backend.train.flex import compiled_layer, masks_of

    torch.set_float32_matmul_precision("high")
    schedule = training.Schedule(options.rate, total_seconds=options.total)
    return training.Trainer(reader, "cuda", compiled_layer(repeat=options.repeat_heads), masks_of, schedule)


def _filled(ready: list[Any]) -> dict[str, Any]:
    rows = [row for row, _ in ready]
    return {
        "documents": sum(len(row.starts) for row in rows),
        "filled": round(float(sum((row.doc >= 0).mean() for row in rows)) / len(rows), 3),
        "labels": int(sum((row.label >= 0).sum() for row in rows)),
    }


def _log(out: Path, name: str) -> Callable[[dict[str, Any]], None]:
    """Prints each entry and appends it to OUT/NAME.jsonl."""
    out.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()

    def say(entry: dict[str, Any]) -> None:
        line = json.dumps({"at": round(time.monotonic() - begin, 1), **entry})
        print(line, flush=True)
        with (out / f"{name}.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    return say
