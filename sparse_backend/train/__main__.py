"""python -m sparse_backend.train packages | collect | base | show | teacher | smoke | train | evaluate | adapter."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sparse_backend.train import commands
from sparse_backend.train.texts.mix import FAR_EVERY, SHORT
from sparse_backend.train.texts.packages import INDEX

MANIFEST = Path(__file__).parent / "texts" / "manifest.jsonl"


def main() -> None:
    """Reads the command line and runs one command."""
    parser = argparse.ArgumentParser(prog="python -m sparse_backend.train", description=__doc__)
    steps = parser.add_subparsers(required=True)

    packages = steps.add_parser("packages", help="downloads and unpacks what the manifest names")
    packages.add_argument("folder", type=Path)
    packages.add_argument("--manifest", type=Path, default=MANIFEST)
    packages.add_argument("--index", default=INDEX, help="of Python packages")
    packages.set_defaults(run=commands.packages)

    collect = steps.add_parser("collect", help="unpacked packages -> corpus and manifest")
    collect.add_argument("folder", type=Path)
    collect.add_argument("out", type=Path)
    collect.set_defaults(run=commands.collect)

    base = steps.add_parser("base", help="the embedded model's GGUF file -> a folder of bf16 weights")
    base.add_argument("parts", type=Path, nargs="+", help="the file, or its parts in order")
    base.add_argument("--base", type=Path, required=True)
    base.add_argument("--tokenizer", type=Path, required=True, help="folder with tokenizer.json")
    base.set_defaults(run=commands.base)

    show = steps.add_parser("show", help="documents, questions and answers as the model sees them")
    show.add_argument("--kind", default="contract")
    show.add_argument("--count", type=int, default=3)
    show.add_argument("--tokens", type=int, default=2500)
    show.add_argument("--text", action="store_true", help="print the documents too")
    _common(show)
    show.set_defaults(run=commands.show)

    for name, run in (("smoke", commands.smoke), ("train", commands.train)):
        step = steps.add_parser(name)
        _common(step)
        step.add_argument("--seconds", type=float, default=60.0, help="of this call")
        step.add_argument("--total", type=float, default=600.0, help="seconds of training in all calls together")
        step.add_argument("--state", type=Path, default=Path("train-state"), help="where a later call goes on from")
        step.add_argument("--out", type=Path, default=Path("train-out"), help="for the log")
        step.add_argument("--workers", type=int, default=14)
        step.add_argument("--tokens", type=int, default=65536, help="of a row")
        step.add_argument("--rate", type=float, default=3e-4)
        step.add_argument("--reader", type=Path, help="start from the weights that these difference files make")
        step.add_argument("--shortest", type=int, default=SHORT, help="tokens of the shorter documents")
        step.add_argument("--far-every", type=int, default=FAR_EVERY, help="one row in so many holds far documents")
        step.add_argument("--repeat-heads", action="store_true", help="write keys out for every head")
        step.set_defaults(run=run)

    evaluate = steps.add_parser("evaluate", help="needles, questions and refusals on held-out sources")
    _common(evaluate)
    evaluate.add_argument("--state", type=Path, help="weights of a training state")
    evaluate.add_argument("--reader", type=Path, help="folder with the difference files")
    evaluate.add_argument("--out", type=Path, default=Path("train-out"))
    evaluate.add_argument("--lengths", type=int, nargs="+", default=[1024, 2048, 4096, 8192, 16384, 32768])
    evaluate.add_argument("--documents", type=int, default=24, help="needle documents per length, fewer of the longest")
    evaluate.add_argument("--pages", type=int, default=32, help="question-answering documents")
    evaluate.add_argument("--dense", action="store_true", help="read densely, up to 8,192 tokens")
    evaluate.add_argument("--seconds", type=float, default=150.0)
    evaluate.add_argument("--name", default="after")
    evaluate.add_argument("--repeat-heads", action="store_true")
    evaluate.set_defaults(run=commands.evaluate)

    teacher = steps.add_parser("teacher", help="a larger model writes questions about the corpus")
    teacher.add_argument("--corpus", type=Path, nargs="+", required=True, help=".jsonl.xz, or its parts in order")
    teacher.add_argument("--model", type=Path, required=True, help="folder of an instruct model, never shipped")
    teacher.add_argument("--out", type=Path, required=True, help=".jsonl that questions are appended to")
    teacher.add_argument("--seconds", type=float, default=200.0)
    teacher.add_argument("--batch", type=int, default=512)
    teacher.add_argument("--device", default="cuda")
    teacher.add_argument("--seed", type=int, default=1)
    teacher.set_defaults(run=commands.teacher)

    adapter = steps.add_parser("adapter", help="trained weights -> difference files")
    adapter.add_argument("--base", type=Path, required=True)
    adapter.add_argument("--state", type=Path, required=True)
    adapter.add_argument("--out", type=Path, required=True)
    adapter.add_argument("--bits", type=int, default=4)
    adapter.set_defaults(run=commands.adapter)

    options = parser.parse_args()
    options.run(options)
    sys.stdout.flush()


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", type=Path, required=True, help="folder of the embedded model")
    parser.add_argument("--corpus", type=Path, nargs="+", required=True, help=".jsonl.xz, or its parts in order")
    parser.add_argument("--taught", type=Path, nargs="+", default=[], help="a teacher's questions, or their parts")
    parser.add_argument("--seed", type=int, default=1)


if __name__ == "__main__":
    main()
