"""Measures answers: `python -m sparse_backend.eval [faithfulness|ablation|evidence|budgets] SUITE… [flags]`.

SUITE: needle, multikey, multivalue, variables, words, qa, code, history, absent, or all of these; passkey, passkeys.
Without a command the suites are asked under each --level and beside each --rival. `faithfulness` compares distributions
and layers with dense attention; `ablation` runs the list of repairs; `evidence` finds the heads that look at the proof;
`budgets` tries a window for each head. A run goes on where it stopped when it is started again with the same flags. The
last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from sparse_backend.config import BackendError, Impl
from sparse_backend.embedded import NAME, ensure_embedded
from sparse_backend.eval import heatmap, paired, report
from sparse_backend.eval.bands import LOOK, parse_bands
from sparse_backend.eval.budgets import budget_setting
from sparse_backend.eval.case import EvalError
from sparse_backend.eval.chat import HubChat
from sparse_backend.eval.conditions import HOUSE, conditions
from sparse_backend.eval.evidence import LOOKS, measure_evidence
from sparse_backend.eval.faithfulness import measure_faithfulness
from sparse_backend.eval.grid import Examiner, Grid
from sparse_backend.eval.ledger import Ledger
from sparse_backend.eval.own import load_case, load_questions
from sparse_backend.eval.rival import MiniLM
from sparse_backend.eval.runner import EngineBackend
from sparse_backend.eval.settings import Setting, ablation, dense_setting, level_setting, named, rival_setting
from sparse_backend.eval.suites.registry import SUITES, VERSION, chosen
from sparse_backend.gpu import chosen as chosen_impl
from sparse_backend.loading import load_decoder
from sparse_backend.model import Decoder

COMMANDS = ("faithfulness", "ablation", "evidence", "budgets")
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


@dataclass(frozen=True, slots=True)
class Bench:
    """The loaded model of one run."""

    decoder: Decoder
    chat: HubChat
    backend: EngineBackend
    impl: Impl


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one evaluation; 0, or 2 with one line on stderr."""
    options = parse(arguments)
    try:
        print(json.dumps(run(options), ensure_ascii=False))
    except BackendError as error:
        print(f"eval: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sparse_backend.eval", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of: all, {', '.join(SUITES)}")
    parser.add_argument("--model", default="embedded", help="a local Hugging Face folder or a hub id")
    parser.add_argument("--pattern", default="headers")
    parser.add_argument("--level", nargs="+", default=["balanced"], metavar="L", help="faithful, balanced, fast")
    parser.add_argument("--settings", nargs="+", metavar="NAME", help="in place of --level: of the ablation's list, or "
                        "bands of layers such as 12xdense+12x1024/delta64 (see eval/bands.py)")  # fmt: skip
    parser.add_argument("--always", action="store_true", help="read short texts sparsely too, where dense is faster")
    parser.add_argument("--no-layers", action="store_true", help="faithfulness: compare answers, probe no layers")
    parser.add_argument("--rival", nargs="*", default=["dense"], choices=["dense", "retrieval"], help="measured beside")
    parser.add_argument("--lengths", type=int, nargs="+", default=[2048, 4096], metavar="TOKENS")
    parser.add_argument("--depths", type=float, nargs="+", default=[0.1, 0.5, 0.9], metavar="D", help="in [0, 1]")
    parser.add_argument("--samples", type=int, default=2, metavar="N", help="texts for each length and depth")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--conversation", action="store_true", help="question n follows questions and answers 1…n-1")
    parser.add_argument("--document", type=Path, metavar="X", help="a text or Markdown file of yours")
    parser.add_argument("--questions", type=Path, metavar="Y.json", help="questions on it")
    parser.add_argument("--out", type=Path, default=HOUSE / "bench-results" / "eval", metavar="DIR")
    parser.add_argument("--run", metavar="NAME", help="name of the run's folder; its settings' hash by default")
    parser.add_argument("--impl", default="auto")
    parser.add_argument("--dtype", default="bfloat16", choices=sorted(DTYPES))
    parser.add_argument("--threads", type=int, metavar="N", help="of torch")
    parser.add_argument("--data-dir", type=Path, default=HOUSE / "data")
    options = parser.parse_args(arguments)
    options.command = options.suites.pop(0) if options.suites and options.suites[0] in COMMANDS else "suites"
    return options


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Does what the command line says; the object of the last line. Raises BackendError."""
    check(options)
    suites = chosen(options.suites or ["all"])
    settings = settings_of(options)
    case = load_case(options.document, load_questions(options.questions)) if options.document else None
    with tempfile.TemporaryDirectory(prefix="unabridged-eval-") as scratch:
        bench = load(options, Path(scratch))
        settings = settings_of(options, trained=bench.decoder.trained or options.command == "budgets")  # of windows
        facts = conditions(bench.decoder, bench.impl)
        examiner = Examiner(bench.backend, bench.chat, MiniLM)
        if options.command == "budgets":
            settings = with_budgets(settings, bench, examiner, options)
        identity = {
            "command": options.command,
            "texts": VERSION,
            "model": bench.decoder.fingerprint,
            "implementation": bench.impl.value,
            "suites": [suite.name for suite in suites] if case is None else [case.text, repr(case.questions)],
            "lengths": options.lengths,
            "depths": options.depths,
            "samples": options.samples,
            "seed": options.seed,
            "conversation": options.conversation,
            "settings": [[setting.name, setting.fingerprint] for setting in settings],
        }
        if options.command == "evidence":
            identity["looks"] = LOOKS
        ledger = Ledger.open(options.out, identity, facts, options.run)
        print(f"run folder: {ledger.folder}", file=sys.stderr)
        grid = Grid(
            suites=tuple(suites),
            lengths=tuple(options.lengths),
            depths=tuple(options.depths),
            samples=options.samples,
            seed=options.seed,
            settings=tuple(settings),
            conversation=options.conversation,
        )
        if options.command in ("faithfulness", "budgets"):
            layers = not options.no_layers
            return measure_faithfulness(bench.decoder, bench.impl, examiner, grid, ledger, facts, layers=layers)
        if options.command == "evidence":
            return measure_evidence(bench.decoder, bench.impl, examiner, grid, ledger, facts)
        if case is not None:
            for setting in settings:
                if not ledger.finished(setting.name):
                    rows = examiner.examine(case, setting, conversation=options.conversation)
                    own = {"suite": "document", "tokens": rows[0]["context"], "asked_depth": None, "sample": 0}
                    ledger.append(setting.name, [row | own for row in rows])
        else:
            examiner.run(grid, ledger, commit=str(facts["commit"]))
    return publish(ledger, facts | {"command": options.command, "seed": options.seed, "samples": options.samples})


def check(options: argparse.Namespace) -> None:
    """Refuses what cannot be meant. Raises EvalError."""
    if (options.document is None) != (options.questions is None):
        raise EvalError("A document and its questions belong together: give both --document and --questions.")
    if options.document and (options.suites or options.command != "suites"):
        raise EvalError("Give suites or --document, not both; the commands work on suites.")
    if options.samples < 1 or min(options.lengths) < 1:
        raise EvalError("--samples and --lengths must be at least 1.")
    if any(not 0 <= depth <= 1 for depth in options.depths):
        raise EvalError("--depths lie between 0 (the start) and 1 (the end).")
    if options.threads:
        torch.set_num_threads(options.threads)


def settings_of(options: argparse.Namespace, *, trained: bool = False) -> list[Setting]:
    """The columns of the table, dense first; `trained` as `preset`. Raises EvalError or UnsupportedPatternError."""
    found = _settings_of(options, trained)
    return [replace(one, always=one.name != "dense") for one in found] if options.always else found


def _settings_of(options: argparse.Namespace, trained: bool) -> list[Setting]:
    if options.settings:
        return [parse_bands(one) if LOOK.match(one) else named([one], ablation(trained))[0] for one in options.settings]
    if options.command == "ablation":
        return list(ablation(trained))
    levels = [level_setting(options.pattern, level, trained=trained) for level in dict.fromkeys(options.level)]
    rivals = {"dense": dense_setting, "retrieval": rival_setting}
    first = [dense_setting()] if "dense" in options.rival or options.command != "suites" else []
    rest = [rivals[name]() for name in dict.fromkeys(options.rival) if name != "dense"]
    return [
        *first,
        *(level for level in levels if level.name != "dense"),
        *(rest if options.command == "suites" else []),
    ]


def with_budgets(
    settings: Sequence[Setting], bench: Bench, examiner: Examiner, options: argparse.Namespace
) -> list[Setting]:
    """Each level, and behind it the same with a window for each head, found on texts of the greatest length."""
    models, longest = options.data_dir / "models", max(options.lengths)
    found: list[Setting] = []
    for setting in settings:
        found.append(setting)
        if setting.name != "dense":
            found.append(budget_setting(setting, bench.decoder, bench.impl, examiner, longest, models))
    return found


def load(options: argparse.Namespace, scratch: Path) -> Bench:
    """The model with its tokenizer. Raises BackendError."""
    embedded = options.model == "embedded"
    folder = str(ensure_embedded(options.data_dir / "models")) if embedded else options.model
    name = NAME if embedded else Path(folder).name
    impl = chosen_impl(options.impl)
    chat = HubChat.load(folder)
    decoder = load_decoder(name, folder, DTYPES[options.dtype], options.data_dir / "models" / "fingerprints.json")
    return Bench(decoder, chat, EngineBackend(decoder, scratch / "segments", impl), impl)


def publish(ledger: Ledger, facts: dict[str, Any]) -> dict[str, Any]:
    """Writes report.md and the heat maps, prints the table with the worst of each; the object of the last line."""
    pictures = []
    for index, (setting, rows) in enumerate(report.group(ledger.rows, lambda row: row["setting"]).items()):
        picture = f"heatmap-{index}.svg"
        (ledger.folder / picture).write_text(heatmap.draw(rows, f"{setting}, {facts['model']}"), "utf-8")
        pictures.append(picture)
    text = report.markdown(ledger.rows, facts, pictures) + paired.section(ledger.rows)
    (ledger.folder / "report.md").write_text(text, "utf-8")
    summaries = report.summarise(ledger.rows)
    print(report.settings_table(summaries))
    print(paired.table(ledger.rows))
    for one in summaries:
        print(f"{one.setting}: worst suite {report.worst_text(one.worst_suite)}, ", end="")
        print(f"worst depth {report.worst_text(one.worst_depth)}")
    return {
        **facts,
        "run": str(ledger.folder),
        "rows": len(ledger.rows),
        "settings": {one.setting: one.as_json() for one in summaries},
        "paired": {one.setting: one.as_json() for one in paired.compare(ledger.rows)},
    }
