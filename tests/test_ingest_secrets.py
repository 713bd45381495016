"""Secrets are masked, and nothing else is. Every secret here is made up, and put together so that no scanner minds."""

from __future__ import annotations

import base64
import json
import random
import string
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.tree.secret_rules import DETECTORS, LIBRARY, Detector
from ingest.tree.secrets import Found, Secret, find, in_tokens, mask

RANDOM = random.Random(7)
ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def letters(count: int, alphabet: str = ALNUM) -> str:
    return "".join(RANDOM.choices(alphabet, k=count - 2)) + alphabet[3] + alphabet[-7]


def part(value: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


JWT = ".".join((part({"alg": "HS256"}), part({"sub": "17", "name": "Jo"}), letters(43)))
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
TOKENS = [
    ("AWS access key", "AK" + "IA" + letters(16, UPPER)),
    ("Azure storage key", letters(86) + "=="),
    ("Discord bot token", "M" + letters(23) + "." + letters(6) + "." + letters(27)),
    *(("GitHub token", f"gh{kind}_" + letters(36)) for kind in "pousr"),
    ("GitHub token", "github" + "_pat_" + letters(22) + "_" + letters(59)),
    ("GitLab token", "gl" + "pat-" + letters(20)),
    ("GitLab token", "gl" + "cbt-1f_" + letters(20)),
    ("GitLab token", "GR" + "1348941" + letters(20)),
    ("JSON web token", JWT),
    ("Mailchimp key", letters(32, HEX) + "-us" + "12"),
    ("OpenAI key", "sk-" + letters(20) + "T3Bl" + "bkFJ" + letters(20)),
    ("OpenAI key", "sk-" + "proj-" + letters(80)),
    ("Anthropic key", "sk-" + "ant-api03-" + letters(90)),
    ("PyPI token", "pypi-" + "AgEIcHlwaS5vcmc" + letters(100)),
    ("SendGrid key", "SG" + "." + letters(22) + "." + letters(43)),
    ("Slack token", "xo" + "xb-271828182845-" + letters(24)),
    ("Slack token", "xa" + "pp-1-A012-345-" + letters(64, HEX)),
    ("Square secret", "sq0" + "csp-" + letters(43)),
    ("Stripe key", "sk" + "_live_" + letters(24)),
    ("Stripe key", "rk" + "_live_" + letters(99)),
    ("Telegram bot token", "123456789" + ":" + letters(35)),
    ("Twilio key", "S" + "K" + letters(32, HEX)),
    ("Google API key", "AI" + "za" + letters(35)),
    ("Google OAuth secret", "GOC" + "SPX-" + letters(28)),
    ("npm token", "np" + "m_" + letters(36)),
    ("Hugging Face token", "h" + "f_" + letters(34)),
    ("Databricks token", "da" + "pi" + letters(32, HEX)),
]
AROUND = ['x = "{}"', "key: {}\n", "({})", "<a>{}</a>", "curl -H 'Authorization: {}' \\", "{}", 'a({}, "b")']


@pytest.mark.parametrize(("kind", "token"), TOKENS, ids=lambda value: str(value)[:6])
@pytest.mark.parametrize("around", AROUND)
def test_tokens_are_masked_wherever_they_stand(kind: str, token: str, around: str) -> None:
    before = "AccountKey=" if kind == "Azure storage key" else ""
    text = "first\n" + around.format(before + token) + "\nlast\n"
    masked, found = mask(text, "a.py")
    assert masked == "first\n" + around.format(f"{before}[masked: {kind}]") + "\nlast\n"
    assert found == (Found(2, kind),)
    assert token not in repr(found)


WITH_NAMES = [
    ("AWS secret key", 'aws_secret_key = "{}"', letters(40)),
    ("password in a URL", "postgres://jo:{}@db.host/x", "h4rdT0guess"),
    ("npm token", "//registry.npmjs.org/:_authToken={}", letters(8, HEX) + "-1f2e-3d4c-5b6a-" + letters(12, HEX)),
    ("Slack webhook", "https://hooks.slack.com/services/{}", "T0AB12/B0CD34/" + letters(24)),
    ("Azure access key", "Endpoint=sb://x/;SharedAccessKey={};E=1", letters(43) + "="),
]


@pytest.mark.parametrize(("kind", "text", "secret"), WITH_NAMES, ids=lambda value: str(value)[:6])
def test_what_stands_around_a_secret_stays(kind: str, text: str, secret: str) -> None:
    assert mask(text.format(secret), "a.md") == (text.format(f"[masked: {kind}]"), (Found(1, kind),))


def everywhere(text: str, detectors: tuple[Detector, ...]) -> set[tuple[int, str]]:
    """Where each pattern matches if it is asked about the whole text, without any search for needles before."""
    return {
        (match.start(1 if detector.grouped else 0), detector.kind)
        for detector in detectors
        for pattern in detector.patterns
        for match in pattern.finditer(text)
        if detector.valid(match.group(1 if detector.grouped else 0))
    }


def test_looking_for_needles_first_loses_nothing() -> None:
    secrets = [token for kind, token in TOKENS if "Azure" not in kind] + [
        "AccountKey=" + token for kind, token in TOKENS if "Azure" in kind
    ]
    lines = [around.format(token) for token in secrets for around in AROUND]
    lines += [text.format(secret) for _, text, secret in WITH_NAMES]
    text = "\n".join(line.strip("\n") + " filler" * (number % 50) for number, line in enumerate(lines))
    hit = {secret.start for secret in in_tokens(text)}
    kept_heads = ("AccountKey=", "SharedAccessKey=", "https://hooks.slack.com/services/")
    for start, kind in everywhere(text, DETECTORS):
        head = next((len(head) for head in kept_heads if text.startswith(head, start)), 0)
        assert start + head in hit, (kind, text[start - 20 : start + 60])
    assert {kind for _, kind in everywhere(text, LIBRARY)} == {detector.kind for detector in LIBRARY}


PEM = "".join(letters(64) + "\n" for _ in range(6))


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
@pytest.mark.parametrize(
    ("before", "after", "newline"),
    [("", "\n", "\n"), ('key = """', '"""\n', "\n"), ('{"private_key": "', '\\n"}\n', "\\n"), ("  ", "\n", "\n  ")],
)
def test_private_keys_are_masked_whole(kind: str, before: str, after: str, newline: str) -> None:
    block = f"-----BEGIN {kind}PRIV" + f"ATE KEY-----\n{PEM}-----END {kind}PRIV" + "ATE KEY-----"
    text = f"a\n{before}{block.replace(chr(10), newline)}{after}b\n"
    masked, found = mask(text, "a.txt")
    hidden = "\n" * 7 if newline != "\\n" else ""
    assert masked == f"a\n{before}[masked: private key]{hidden}{after}b\n"
    assert found == (Found(2, "private key"),)


def test_private_keys_in_other_dress() -> None:
    begin, end = "-----BEGIN RSA PRIV" + "ATE KEY-----", "-----END RSA PRIV" + "ATE KEY-----"
    quoted = f'K = "{begin}\\n" +\n' + "".join(f'  "{letters(64)}\\n" +\n' for _ in range(4)) + f'  "{end}";\nx\n'
    assert mask(quoted, "a.java")[0] == 'K = "[masked: private key]' + "\n" * 5 + '";\nx\n'
    headed = f"{begin}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\n{PEM}{end}\n"
    assert mask(headed, "a")[0] == "[masked: private key]" + "\n" * 11
    cut = f"{begin}\n{PEM}\nThe next paragraph."
    masked, _ = mask(cut, "a")
    assert masked.startswith("[masked: private key]\n") and PEM[:64] not in masked and PEM[-65:-1] not in masked
    putty = "PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 2\n" + PEM[:130] + "Private-MAC: 1\n"
    assert mask(putty, "a.ppk")[0] == (
        "PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 2\n[masked: private key]\n\nPrivate-MAC: 1\n"
    )


@pytest.mark.parametrize(
    ("path", "text", "secret"),
    [
        ("a.ini", "password = {}\n", "hunter2"),
        ("a.yaml", "db:\n  password: {}\n", "s3cretpw"),
        ("a.yml", "clientSecret: '{}'  # rotate\n", "a1b2c3d4"),
        ("a.yml", "password: {} # rotate\n", "a1b2c3d4"),
        ("a.properties", "spring.datasource.password={}\n", "Tr0ub4dor"),
        ("a.toml", 'api_key = "{}"\n', "9f8e7d6c5b"),
        ("a.json", '{{"db_password": "{}", "x": 1}}\n', "s3cret,pw"),
        (".env", "DB_PASSWORD={}\n", "onlyletters"),
        (".env.local", "ACCESS_TOKEN={}\n", letters(30)),
        ("a.toml", 'signing_key = "{}"\n', letters(32, HEX)),
    ],
)
def test_passwords_in_configuration(path: str, text: str, secret: str) -> None:
    masked, found = mask(text.format(secret), path)
    assert secret not in masked and masked.count("\n") == text.count("\n")
    assert masked.partition("[masked: ")[0] == text.format("\0").partition("\0")[0]
    assert [item.line for item in found] == [text[: text.index("{}")].count("\n") + 1]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.py", 'password = "hunter2"'),
        ("a.md", "password: hunter2"),
        ("a.yaml", "password: ${DB_PASSWORD1}"),
        ("a.yaml", "password: {{ .Values.pass1 }}"),
        ("a.yaml", "secretName: my-tls-v1"),
        ("a.yaml", "secretKeyRef: db-v1"),
        ("a.yaml", "password: changeme1"),
        ("a.yaml", "passwordPolicy: strong8"),
        ("a.yaml", "private_key: /etc/ssl/key1.pem"),
        ("a.yaml", "password: string"),
        ("a.yaml", "publicKey: " + letters(60)),
        ("a.json", '"password_reset": "Reset2"'),
        ("a.json", '"integrity": "sha512-' + letters(86) + '=="'),
        ("a.json", '"max_tokens": "12345678901234567890ab"'),
        ("a.json", '"eos_token": "<|im_end|>"'),
        ("a.ini", "secret = get_secret(1)"),
        ("a.ini", "password ="),
        (".env.example", "PASSWORD=abc123def"),
        ("a.go", "const AKIA = EURASIAPACIFICREGIONALOFFICE1"),
        ("a.md", "export KEY=AKIAIOSFODNN7EXAMPLE"),
        ("a.md", "ghp_" + "x" * 36),
        ("a.md", "https://user:password@host/ and https://{}:{}@host and http://a:%s@b"),
        ("a.py", 'if "-----BEGIN RSA PRIVATE KEY-----" in text: ...'),
        ("a.py", "hf_model_name_that_is_rather_long_but_no_token"),
        ("a.css", ".glft-a-rather-long-class-name-indeed {}"),
        ("a.js", "data:image/png;base64," + letters(400)),
        ("a.txt", "sha256:" + letters(64, HEX)),
        ("a.txt", "eyJhbGciOi.not-a-token"),
    ],
)
def test_what_is_no_secret_stays(path: str, line: str) -> None:
    assert mask(line + "\n", path) == (line + "\n", ())


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.sampled_from([token for _, token in TOKENS]) | st.text(max_size=20) | st.just("\n"), max_size=12),
    st.sampled_from(("a.py", ".env", "a.json", "a.yaml")),
)
def test_lines_never_change_and_finds_lie_apart(parts: list[str], path: str) -> None:
    text = " ".join(parts)
    masked, found = mask(text, path)
    assert masked.count("\n") == text.count("\n")
    secrets = find(text, path)
    assert len(found) == len(secrets)
    assert all(before.end <= after.start for before, after in pairwise(secrets))
    assert [text.count("\n", 0, secret.start) + 1 for secret in secrets] == [item.line for item in found]
    for secret in secrets:
        assert isinstance(secret, Secret) and secret.start < secret.end


@pytest.mark.parametrize(
    "piece", ["eyJ", "=eyJ", "sk-", "://a:", "AKIA", "-----BEGIN PRIV" + "ATE KEY-----", "password=a "]
)
def test_hostile_repetition_is_read_through(piece: str) -> None:
    text = piece * (300_000 // len(piece))
    assert mask(text, "a.yaml")[0].count("\n") == 0
