"""Source trees: files of one package under their headers, and questions on what is defined and used where."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass

from sparse_backend.train.texts.corpus import Corpus, Text, cut
from sparse_backend.train.texts.manuals import choose
from sparse_backend.train.texts.page import NOT_STATED, Asked, Page, Writer
from sparse_backend.train.texts.wording import reword

_FUNCTION = re.compile(
    r"^(?P<indent>[ ]*)(?:export |default |async |public |private |protected |static |pub(?:\([a-z]+\))? |inline )*(?:def|function|func|fn) +(?P<name>[A-Za-z_]\w*)\s*\((?P<args>[^()\n]*)\)[^\n]*$",
    re.MULTILINE,
)
_CLASS = re.compile(
    r"^(?:export |public |abstract |default )*class +(?P<name>[A-Za-z_]\w*)(?:\((?P<base>[\w., ]+)\)| extends (?P<base2>[\w.]+))?[^\n]*$",
    re.MULTILINE,
)
_CONSTANT = re.compile(
    r"^(?:export )?(?:const |let |var |static |#define +)?(?P<name>[A-Z][A-Z0-9_]{3,})(?:: *[\w\[\]]+)?(?: *= *|\s+)(?P<value>[\"'\d][^\n#;]{0,60}?);?\s*$",
    re.MULTILINE,
)
_DOCSTRING = re.compile(
    r"^[ ]*def +(?P<name>\w+)\([^)]*\)[^\n]*:\n\s+[ru]?(?:\"\"\"|''')(?P<doc>[A-Z][^\n\"]{15,140})", re.MULTILINE
)
_DEFAULT = re.compile(r"(?P<arg>[a-z_]\w+)(?:: *[^=,]+)? *= *(?P<value>[^,=]+)")
_IMPORT = re.compile(r"^from +(?P<module>[\w.]+) +import +(?P<name>\w+)$", re.MULTILINE)
_RAISE = re.compile(
    r"^\s+raise +(?P<name>\w+(?:Error|Exception|Warning))\((?P<text>[\"'][^\"'\n]{8,90}[\"'])", re.MULTILINE
)


_USUAL = {"setUp", "tearDown", "main", "setup", "toString", "equals"}


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    start: int
    end: int


def sources(r: random.Random, corpus: Corpus, characters: int, questions: int) -> Page:
    """Files of one source, about `characters` together, with a list of them in front now and then."""
    source = r.choice(sorted(corpus.code))
    texts = r.sample(corpus.code[source], min(len(corpus.code[source]), 40))
    chosen: list[Text] = []
    length = 0
    for text in texts:
        room = characters - length
        if room < 400:
            break
        piece = cut(text, 0, min(room, r.choice((characters, max(1200, characters // 2), max(1200, characters // 4)))))
        chosen.append(piece)
        length += len(piece.text)
    writer = Writer()
    if r.random() < 0.4:
        writer.header("Repository map")
        lines = sum(text.text.count("\n") + 1 for text in chosen)
        writer.write(f"\n{len(chosen)} files, {lines:,} lines\n\n")
        writer.header("Files")
        writer.write(
            "\n" + "".join(f"{_path(text)} ({text.text.count(chr(10)) + 1} lines)\n" for text in chosen) + "\n"
        )
    files = []
    for text in chosen:
        writer.header(f"File: {_path(text)}", _path(text))
        writer.write("\n")
        start = at = writer.length
        base = at
        for low, high in text.headers:
            if base + low < at:
                continue
            writer.write(text.text[at - base : low])
            writer.header(text.text[low:high], cited=False)
            at = base + high
        writer.write(text.text[at - base :].rstrip("\n") + "\n")
        files.append(_File(_path(text), start, writer.length))
    page = writer.page([], "code")
    asked = _questions(r, page.text, files)
    mates = [text for text in corpus.code[source] if text not in texts] or corpus.code[r.choice(sorted(corpus.code))]
    other = "\n".join(text.text for text in r.sample(mates, min(3, len(mates))))
    return choose(r, page, asked, _refusals(r, page.text, other), questions, "code")


def _path(text: Text) -> str:
    parts = text.path.split("/")
    return "/".join(parts[-3:])


def _file(files: list[_File], at: int) -> _File | None:
    return next((file for file in files if file.start <= at < file.end), None)


def _line(text: str, at: int) -> tuple[int, int]:
    start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
    end = len(text) if end < 0 else end
    while start < end and text[start] == " ":
        start += 1
    return start, end


def _made(
    r: random.Random,
    text: str,
    at: int,
    questions: tuple[str, ...],
    answer: str,
    family: str,
    focus: tuple[int, int] | None = None,
    **names: str,
) -> Asked:
    span = _line(text, at)
    return Asked(
        reword(r.choice(questions).format(**names), r) if r.random() < 0.5 else r.choice(questions).format(**names),
        answer,
        span,
        (at, span[1] - 1),
        family,
        focus or span,
    )


def _questions(r: random.Random, text: str, files: list[_File]) -> list[Asked]:
    found: list[Asked] = []
    functions = list(_FUNCTION.finditer(text))
    counts = Counter(match["name"] for match in [*functions, *_CLASS.finditer(text)])
    for match in r.sample(functions, min(len(functions), 24)):
        name, file = match["name"], _file(files, match.start())
        if counts[name] > 1 or file is None or len(name) < 4 or name in _USUAL:
            continue
        args = " ".join(match["args"].split())
        plain = ", ".join(
            part.split(":")[0].split("=")[0].strip()
            for part in args.split(",")
            if part.strip() not in ("self", "cls", "*", "/", "&self")
        )
        at = match.start("name")
        found.append(
            _made(
                r,
                text,
                at,
                (
                    "In which file is {n} defined?",
                    "Where is {n} defined?",
                    "{n} definition",
                    "Where do I find the function {n}?",
                    "Which file holds {n}?",
                    "I want to change {n}. Which file do I open?",
                    "Where does the code of {n} live?",
                    "{n}: file?",
                ),
                file.path,
                "code where",
                n=name,
            )
        )
        found.append(_made(r, text, at, ("What parameters does {n} take?", "What are the arguments of {n}?", "signature of {n}", "How is {n} called?", "{n} parameters", "Which inputs does {n} expect?", "What do I have to hand to {n}?", "What goes into the brackets of {n}?", "I want to use {n}. What does it need?"),
                           (plain or "No parameters")[:160], "code signature", n=name))  # fmt: skip
        for default in list(_DEFAULT.finditer(match["args"]))[:1]:
            found.append(_made(r, text, at, ("What is the default of {a} in {n}?", "default value of {a} in {n}", "If I leave out {a} when calling {n}, what is used?", "{n}: default {a}", "What does {n} assume for {a} when I say nothing?", "Nothing given for {a} in {n}: what then?"),
                               default["value"].strip(), "code default", n=name, a=default["arg"]))  # fmt: skip
        uses = [
            use
            for use in re.finditer(rf"(?<![\w.\"']){re.escape(name)}\(|\.{re.escape(name)}\(", text)
            if use.start() != at and not match.start() <= use.start() < match.end()
        ]
        if len(uses) == 1:
            place = _file(files, uses[0].start())
            caller = [
                other
                for other in functions
                if other.start() < uses[0].start() and place and other.start() >= place.start
            ]
            if caller and place:
                found.append(_made(r, text, uses[0].start(), ("Where is {n} called?", "Who calls {n}?", "{n} callers", "Which function uses {n}?", "usage of {n}", "Who depends on {n}?", "If I change {n}, which place is affected?", "Where is {n} put to work?"),
                                   f"In {caller[-1]['name']}, {place.path}", "code use", n=name))  # fmt: skip
    for match in _CLASS.finditer(text):
        holder = _file(files, match.start())
        if counts[match["name"]] > 1 or holder is None:
            continue
        name, parent = match["name"], match["base"] or match["base2"]
        at = match.start("name")
        if parent:
            kinds: tuple[str, ...] = (
                "Which class does {n} inherit from?",
                "What is the base class of {n}?",
                "{n} parent class",
                "What does {n} extend?",
                "What is {n} derived from?",
                "Whose child is {n}?",
                "{n} parent class",
            )
            found.append(_made(r, text, at, kinds, parent, "code base", n=name))
        wordings = ("In which file is the class {n}?", "Where is {n} defined?", "{n} class location")
        found.append(_made(r, text, at, wordings, holder.path, "code where", n=name))
    for match in _CONSTANT.finditer(text):
        if len(re.findall(rf"^(?:\w+ +)?{match['name']}\b", text, re.MULTILINE)) == 1 and _file(files, match.start()):
            found.append(
                _made(
                    r,
                    text,
                    match.start("name"),
                    (
                        "What is the value of {n}?",
                        "{n} value",
                        "To what is {n} set?",
                        "What does {n} equal?",
                        "Which setting does {n} carry?",
                        "How big or what is {n}?",
                    ),
                    match["value"].strip(),
                    "code constant",
                    n=match["name"],
                )
            )
    for match in _DOCSTRING.finditer(text):
        if counts[match["name"]] == 1 and len(match["name"]) > 3 and _file(files, match.start()):
            doc = match["doc"].strip().rstrip("'")
            found.append(_made(r, text, match.start("doc"), ("What does {n} do?", "Explain {n}.", "purpose of {n}", "What is {n} for?", "{n}?", "Why would I use {n}?", "What happens in {n}?", "What is the job of {n}?"), doc.rstrip("."), "code purpose",
                               (match.start("doc"), match.start("doc") + len(doc)), n=match["name"]))  # fmt: skip
    for match in _IMPORT.finditer(text):
        if len(re.findall(rf"import +{match['name']}\b", text)) == 1 and (file := _file(files, match.start())):
            found.append(
                _made(
                    r,
                    text,
                    match.start(),
                    (
                        "From which module is {n} imported?",
                        "Where does {n} come from?",
                        "{n} import",
                        "Which module provides {n}?",
                        "Where do they get {n} from?",
                        "What do I have to import to have {n}?",
                    ),
                    match["module"],
                    "code import",
                    n=match["name"],
                )
            )
    for match in _RAISE.finditer(text):
        message = match["text"].strip("\"'")
        if text.count(message) == 1 and _file(files, match.start()):
            found.append(
                _made(
                    r,
                    text,
                    match.start("name"),
                    (
                        "Which exception carries the message “{n}”?",
                        "What error is raised with “{n}”?",
                        "I got “{n}”. Which exception is that?",
                        "The program stopped with “{n}”. What type of failure is it?",
                        "What do I catch to handle “{n}”?",
                        "exception “{n}”",
                    ),
                    match["name"],
                    "code raise",
                    n=message,
                )
            )
    return found


def _refusals(r: random.Random, text: str, other: str) -> list[Asked]:
    """Questions about names that another file of the same source defines."""
    names = [
        match["name"] for match in _FUNCTION.finditer(other) if len(match["name"]) > 5 and match["name"] not in text
    ]
    names += [match["name"] for match in _CLASS.finditer(other) if match["name"] not in text]
    kinds = (
        "In which file is {n} defined?",
        "What parameters does {n} take?",
        "What does {n} return?",
        "Where is {n} called?",
        "signature of {n}",
        "What does {n} do?",
        "{n} definition",
    )
    found = [
        Asked(reword(r.choice(kinds).format(n=name), r), NOT_STATED, family="refusal")
        for name in dict.fromkeys(names[:20])
    ]
    extra = (
        "Which licence key does the code use?",
        "Who wrote this code?",
        "What is the database password?",
        "How many users does the project have?",
        "When was the last release?",
    )
    found += [
        Asked(question, NOT_STATED, family="refusal")
        for question in extra
        if not re.search("author|licen|password|release|users", text, re.IGNORECASE)
    ][:1]
    return found
