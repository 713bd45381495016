"""What secrets look like: detect-secrets' own patterns, and a table of newer tokens that it does not know.

Only the patterns of that library are used. Its scanner keeps global settings, may ask the services over the network
whether a key is live, and names a found value without its place; none of that happens here, so threads are safe.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

MIN_DISTINCT = 8  # characters of a token: fewer is a placeholder such as xxxx
PLACEHOLDER = re.compile(
    r"example|your|placeholder|xxxx|\*\*\*|\.\.\.|0123456789|1234567890|abcdefgh|changeme|change_me|redacted|insert",
    re.IGNORECASE,
)
_DUMMY = re.compile(
    r"(?:user(?:name)?|pass(?:word|wd)?|pw|pwd|secret|token|key|test|admin|root|guest|postgres|mysql|foo|bar|baz|abc|"
    r"xxx+|x-token|x-oauth-basic|[\d.]{1,5})\d?|.*[%<>{}$*\[\]\"'`\\].*",
    re.IGNORECASE,
)


def not_made_up(value: str) -> bool:
    """Whether a token is more than a placeholder."""
    return not PLACEHOLDER.search(value) and len(set(value)) >= MIN_DISTINCT


def _has_digit(value: str) -> bool:
    return not_made_up(value) and any(char.isdigit() for char in value)


def _aws_id(value: str) -> bool:
    return _has_digit(value) or (value.startswith("AKIA") and not_made_up(value))


def _password_in_url(value: str) -> bool:
    return not _DUMMY.fullmatch(value) and not PLACEHOLDER.search(value) and len(value) >= 4


@dataclass(frozen=True, slots=True)
class Detector:
    """A kind of secret: `patterns` are asked only around one of the `needles`, `before` to `after` characters off it.

    `probe` takes the place of needles for a kind without fixed letters. The secret is the match, or its first group
    where `grouped`. `whole`: it must not stand inside a longer word; otherwise it is taken to the end of its word.
    """

    kind: str
    needles: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    probe: re.Pattern[str] | None = None
    before: int = 0
    after: int = 300
    grouped: bool = False
    whole: bool = False
    valid: Callable[[str], bool] = not_made_up


_AWS_ID, _AWS_KEY = AWSKeyDetector.denylist

LIBRARY = (
    Detector("AWS access key", ("AKIA", "ASIA", "ABIA", "ACCA", "A3T"), (_AWS_ID,), after=20, whole=True,
             valid=_aws_id),
    Detector("AWS secret key", ("aws", "AWS", "Aws"), (_AWS_KEY,), after=100, grouped=True, valid=_has_digit),
    Detector("Azure storage key", ("AccountKey=",), tuple(AzureStorageKeyDetector.denylist)),
    Detector("password in a URL", ("://",), tuple(BasicAuthDetector.denylist), grouped=True, valid=_password_in_url),
    Detector("Discord bot token", (), tuple(DiscordBotTokenDetector.denylist),
             re.compile(r"\.[\w-]{6}\.[\w-]{27}", re.ASCII), before=27, after=35, whole=True, valid=_has_digit),
    Detector("GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), tuple(GitHubTokenDetector.denylist)),
    Detector(
        "GitLab token",
        ("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "GR1348941", "glcbt-", "glimt-", "glptt-", "glagent-",
         "gloas-"),
        tuple(GitLabTokenDetector.denylist), after=1_100, valid=_has_digit,
    ),
    Detector("JSON web token", (), tuple(JwtTokenDetector.denylist),
             re.compile(r"eyJ[\w=-]{8,2000}+\.[\w=-]{2}", re.ASCII), after=8_000,
             valid=JwtTokenDetector.is_formally_valid),
    Detector("Mailchimp key", ("-us",), tuple(MailchimpDetector.denylist), before=32, after=6, whole=True,
             valid=_has_digit),
    Detector("npm token", ("/:_authToken=",), tuple(NpmDetector.denylist), before=200, grouped=True),
    Detector("OpenAI key", ("T3BlbkFJ",), tuple(OpenAIDetector.denylist), before=250),
    Detector("PyPI token", ("pypi-AgE",), tuple(PypiTokenDetector.denylist), after=1_000),
    Detector("SendGrid key", ("SG.",), tuple(SendGridDetector.denylist)),
    Detector("Slack token", ("xox", "XOX"), tuple(SlackDetector.denylist[:1])),
    Detector("Slack webhook", ("https://hooks.slack.com/services/",), tuple(SlackDetector.denylist[1:])),
    Detector("Square secret", ("sq0csp-",), tuple(SquareOAuthDetector.denylist)),
    Detector("Stripe key", ("sk_live_", "rk_live_"), tuple(StripeDetector.denylist)),
    Detector("Telegram bot token", (), tuple(TelegramBotTokenDetector.denylist),
             re.compile(r":[\w-]{35}(?![\w-])", re.ASCII), before=10, after=37, whole=True, valid=_has_digit),
    Detector("Twilio key", (), tuple(TwilioKeyDetector.denylist),
             re.compile(r"(?:AC|SK)[a-f0-9]{32}"), after=36, whole=True, valid=_has_digit),
)  # fmt: skip

# kind, needle, the rest of the pattern after the needle
_NEWER = (
    ("GitHub token", "github_pat_", r"[A-Za-z0-9_]{50,}"),
    ("Anthropic key", "sk-ant-", r"[a-z0-9]{2,8}-[A-Za-z0-9_-]{20,}"),
    ("OpenAI key", "sk-proj-", r"[A-Za-z0-9_-]{40,}"),
    ("OpenAI key", "sk-svcacct-", r"[A-Za-z0-9_-]{40,}"),
    ("OpenAI key", "sk-admin-", r"[A-Za-z0-9_-]{40,}"),
    ("Google API key", "AIza", r"[0-9A-Za-z_-]{35}"),
    ("Google OAuth secret", "GOCSPX-", r"[A-Za-z0-9_-]{28}"),
    ("Google access token", "ya29.", r"[A-Za-z0-9_-]{40,}"),
    ("Azure access key", "SharedAccessKey=", r"[A-Za-z0-9+/]{43}="),
    ("Slack token", "xapp-", r"\d-[A-Z0-9]+-\d+-[a-f0-9]{32,}"),
    ("Stripe key", "sk_test_", r"[0-9a-zA-Z]{24,}"),
    ("Stripe key", "rk_test_", r"[0-9a-zA-Z]{24,}"),
    ("Stripe webhook secret", "whsec_", r"[A-Za-z0-9+/=]{32,}"),
    ("npm token", "npm_", r"[A-Za-z0-9]{36}(?![A-Za-z0-9_])"),
    ("Hugging Face token", "hf_", r"[A-Za-z0-9]{34}(?![A-Za-z0-9_])"),
    ("DigitalOcean token", "dop_v1_", r"[a-f0-9]{64}"),
    ("Databricks token", "dapi", r"[a-f0-9]{32}(?![A-Za-z0-9])"),
    ("Shopify token", "shpat_", r"[a-fA-F0-9]{32}"),
    ("Vault token", "hvs.", r"[A-Za-z0-9_-]{24,}"),
    ("Grafana token", "glsa_", r"[A-Za-z0-9]{32}_[a-fA-F0-9]{8}"),
    ("Linear key", "lin_api_", r"[A-Za-z0-9]{40}"),
    ("Atlassian token", "ATATT3", r"[A-Za-z0-9_=-]{100,}"),
    ("Postman key", "PMAK-", r"[a-f0-9]{24}-[a-f0-9]{34}"),
    ("RubyGems key", "rubygems_", r"[a-f0-9]{48}"),
    ("New Relic key", "NRAK-", r"[A-Z0-9]{27}"),
    ("age secret key", "AGE-SECRET-KEY-1", r"[0-9A-Z]{58}"),
    ("Terraform token", ".atlasv1.", r"[A-Za-z0-9_=-]{60,}"),
)
NEWER = tuple(
    Detector(kind, (needle,), (re.compile(rf"(?<![A-Za-z0-9_]){re.escape(needle)}{rest}"),), valid=_has_digit)
    for kind, needle, rest in _NEWER
)
DETECTORS = (*LIBRARY, *NEWER)

# What stands before the secret itself in a match, and stays.
KEPT_STARTS = ("AccountKey=", "SharedAccessKey=", "https://hooks.slack.com/services/")
