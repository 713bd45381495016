"""Code: a constant defined in one file, renamed in a second, used in a third; where a function is defined."""

from __future__ import annotations

from random import Random

from sparse_backend.eval.case import Case, Place, Question, number, words
from sparse_backend.eval.filler_code import files
from sparse_backend.eval.suites.names import numbers
from sparse_backend.eval.weave import Insert, Measure, weave

UNITS = ("BATCH", "QUEUE", "RETRY", "CACHE", "LOCK", "PAGE")
JOBS = ("drain_outbox", "warm_index", "sweep_stale", "replay_log", "prune_tree", "probe_hosts")


def define_use(random: Random, tokens: int, depth: float, measure: Measure) -> Case:
    """The constant's file at `depth`; two jobs each use a constant of their own through a module between them."""
    units, jobs = random.sample(UNITS, 2), random.sample(JOBS, 2)
    values = numbers(random, 2, 1_000, 9_999)
    alias = [f"{job.split('_')[1].upper()}_CEILING" for job in jobs]
    folders = random.sample(("limits", "tuning", "bounds", "quotas"), 2)
    depths = [depth, random.random()]
    inserts = []
    for index in (0, 1):
        constant = f"{units[index]}_MAXIMUM"
        inserts += [
            _file(f"config/{folders[index]}.py", f"{constant} = {values[index]}", depths[index], f"define{index}"),
            _file(
                f"shared/{jobs[index]}_settings.py",
                f"from config.{folders[index]} import {constant} as {alias[index]}",
                random.random(),
                f"rename{index}",
            ),
            _file(
                f"jobs/{jobs[index]}.py",
                f"from shared.{jobs[index]}_settings import {alias[index]}\n\n\n"
                f"def {jobs[index]}(source):\n    return source.take(limit={alias[index]})",
                random.random(),
                f"use{index}",
            ),
        ]
    woven = weave(files(random), inserts, tokens, measure, "\n\n\n", between_sections=True)
    headers = woven.headers + tuple(_first_line(woven.text, place.start) for place in woven.places.values())
    headers = tuple(sorted(set(headers), key=lambda place: place.start))
    asked = [
        Question(
            f"What is the value of the constant {units[0]}_MAXIMUM?",
            ((number(values[0]),),),
            (number(values[1]),),
            (woven.places["define0"],),
        ),
        Question(
            f"In which file is the function {jobs[1]} defined?",
            ((rf"jobs/{jobs[1]}\.py",),),
            (rf"jobs/{jobs[0]}\.py",),
            (woven.places["use1"],),
        ),
        Question(
            f"Which number does the function {jobs[0]} pass to take() as its limit?",
            ((number(values[0]),),),
            (number(values[1]),),
            tuple(woven.places[f"{step}0"] for step in ("define", "rename", "use")),
            kind="multi",
        ),
        Question(
            f"Under which other name is {units[1]}_MAXIMUM imported?",
            ((words(alias[1]),),),
            (words(alias[0]),),
            (woven.places["rename1"],),
        ),
    ]
    return Case("code", woven.text, headers, tuple(asked), depth)


def _file(path: str, body: str, depth: float, label: str) -> Insert:
    return Insert(f"# file: {path}\n\n{body}", depth, label)


def _first_line(text: str, start: int) -> Place:
    return Place(start, text.index("\n", start))
