"""Passwords in configuration files, told by the name they are assigned to (detect-secrets' keyword patterns)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detect_secrets.filters import heuristic
from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString
from detect_secrets.plugins.keyword import CONFIG_DENYLIST_REGEX_TO_GROUP, QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP

from ingest.tree.folders import name_of, suffix_of
from ingest.tree.secret_rules import PLACEHOLDER

MAX_LINE = 1_000  # characters: nobody writes a longer setting, and the patterns go back
MIN_PASSWORD, MIN_TOKEN = 6, 20
MIN_TOKEN_ENTROPY = 3.5  # bits a character: sixteen random hex digits and more

SUFFIXES = frozenset((".ini", ".cfg", ".conf", ".cnf", ".properties", ".toml", ".yaml", ".yml", ".tfvars", ".env"))
QUOTED_SUFFIXES = frozenset((".json", ".json5", ".jsonc"))
NAMES = frozenset((".npmrc", ".pypirc", ".yarnrc", "credentials", ".s3cfg", ".boto", ".my.cnf", ".dockercfg"))
SAMPLE_ENDS = (".example", ".sample", ".template", ".dist", ".defaults", ".tpl")  # of a .env file: nothing real inside

# The last word of a name that says something about a secret but does not hold it.
ABOUT = frozenset((
    "name", "names", "ref", "refs", "file", "files", "path", "paths", "dir", "url", "uri", "type", "policy", "length",
    "min", "max", "expiry", "expires", "expiration", "ttl", "age", "timeout", "algorithm", "alg", "format", "field",
    "fields", "label", "title", "hint", "text", "message", "placeholder", "reset", "change", "confirm", "confirmation",
    "env", "id", "ids", "version", "mount", "namespace", "provider", "store", "class", "required", "enabled", "count",
    "size", "rotation", "manager", "keyword", "description", "help", "regex", "pattern", "encoding", "scheme", "prefix",
    "header", "endpoint", "generator", "validator", "validators", "encoder", "backend", "error", "icon", "color",
    "limit", "limits", "budget", "usage", "model", "tokens", "ids", "index", "map", "set", "list",
))  # fmt: skip
PUBLIC = frozenset(("public", "pub", "publishable", "no", "disable", "without"))
NOTHING = frozenset(
    ("true", "false", "null", "none", "nil", "undefined", "yes", "no", "string", "required", "optional")
)

_SUSPICIOUS = re.compile(r"pass|pwd|secret|key|token|credential|contrase", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?P<name>[\w.-]{0,60}(?:token|credential|access_?key|signing_?key|encryption_?key|master_?key|webhook)[\w.-]{0,40})"
    r"[\"']?\s{0,9}[:=]\s{0,9}(?P<quote>[\"']?)(?P<value>[A-Za-z0-9+/=_.~-]+)(?P=quote)\s*(?:[,;#}]|$)",
    re.IGNORECASE,
)
_NAME_BEFORE = re.compile(r"[\w.-]*$")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ELSEWHERE = re.compile(
    r"^(?:[/.~!&*@%<|>\[{(]|file:|env:|vault:|ref:|arn:|secret/|process\.|os\.|var\.)|://|\$\{|\{\{|%\(|<%"
    r"|\.(?:pem|key|crt|cer|p12|jks|json|txt|ya?ml|py|js|env)$",
    re.IGNORECASE,
)
_ENTROPY = Base64HighEntropyString()


def in_settings(text: str, path: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each password or token that a configuration file assigns to a name."""
    name = name_of(path).lower()
    dotenv = name == ".env" or name.startswith(".env.") or suffix_of(name) == ".env"
    if dotenv and name.endswith(SAMPLE_ENDS):
        return
    quoted = suffix_of(name) in QUOTED_SUFFIXES
    if not (dotenv or quoted or suffix_of(name) in SUFFIXES or name in NAMES):
        return
    for hit in _lines(text):
        start, line = hit
        for first, last, kind in _in_line(line, quoted=quoted, lenient=dotenv):
            yield start + first, start + last, kind


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that may hold a setting, each once, with their offsets."""
    done = 0
    for hit in _SUSPICIOUS.finditer(text):
        if hit.start() < done:
            continue
        start, end = text.rfind("\n", 0, hit.start()) + 1, text.find("\n", hit.start())
        done = end if end >= 0 else len(text)
        if done - start <= MAX_LINE:
            yield start, text[start:done]


def _in_line(line: str, *, quoted: bool, lenient: bool) -> Iterator[tuple[int, int, str]]:
    patterns = QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP if quoted else CONFIG_DENYLIST_REGEX_TO_GROUP
    for pattern, group in patterns.items():
        for match in pattern.finditer(line):
            before = _NAME_BEFORE.search(line, 0, match.start())
            key = (before.group() if before else "") + re.split(r"[\s:=\"'\]]", match.group(), maxsplit=1)[0]
            start, end = match.span(group)
            end = start + len(line[start:end].partition(" #")[0].rstrip())
            if _holds(key) and _is_password(line[start:end], line, lenient=lenient):
                yield start, end, "password"
    for match in _TOKEN.finditer(line):
        if _holds(match["name"]) and _is_token(match["value"]):
            yield *match.span("value"), "token"


def _holds(key: str) -> bool:
    """Whether a value of this name is the secret and not something about it."""
    words = [word.lower() for word in _WORDS.findall(key)]
    return bool(words) and words[-1] not in ABOUT and not PUBLIC.intersection(words)


def _is_password(value: str, line: str, *, lenient: bool) -> bool:
    if len(value) < MIN_PASSWORD or any(char.isspace() for char in value) or value.lower() in NOTHING:
        return False
    if _ELSEWHERE.search(value) or PLACEHOLDER.search(value):
        return False
    if (
        heuristic.is_templated_secret(value)
        or heuristic.is_prefixed_with_dollar_sign(value)
        or heuristic.is_not_alphanumeric_string(value)
        or heuristic.is_sequential_string(value)
        or heuristic.is_indirect_reference(line)
    ):
        return False
    return lenient or any(char.isdigit() for char in value)


def _is_token(value: str) -> bool:
    mixed = any(char.isdigit() for char in value) and any(char.isalpha() for char in value)
    if len(value) < MIN_TOKEN or not mixed or _ELSEWHERE.search(value) or PLACEHOLDER.search(value):
        return False
    return _ENTROPY.calculate_shannon_entropy(value) >= MIN_TOKEN_ENTROPY
