"""Every setting in one class: flags over environment over files of secrets over defaults, and where each came from.

Read by pydantic-settings, and nowhere else; a setting `max_pages` is `UNABRIDGED_MAX_PAGES` in the environment.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SecretsSettingsSource, SettingsConfigDict

from assistant.errors import AssistantError

if TYPE_CHECKING:  # `--help` answers before parsers and models are imported
    from assistant.thresholds import Thresholds
    from ingest import Limits

PREFIX = "UNABRIDGED_"
GONE = {  # what earlier versions knew, and what to do instead
    "UNABRIDGED_USERS": "UNABRIDGED_USERS is no longer used, and its passwords are not taken over: unset it, start "
    "with --accounts, open the printed link as the user whose documents you want to keep, and invite others on /people."
}
_WARNING = "From where on the signals warn."
_LIMIT = "A limit of reading; empty: as `doctor` tells."


class SettingsError(AssistantError):
    """A setting has a value that it cannot have."""


class Settings(BaseSettings):
    """What can be set. Secrets are never shown; they come from the environment or from files, not from flags."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    data_dir: Path = Field(Path(__file__).resolve().parents[1] / "data", description="Where everything is kept.")
    database_url: SecretStr = Field(SecretStr(""), description="PostgreSQL in place of SQLite in the data folder.")
    secrets_dir: Path | None = Field(None, description="A folder with a file for each secret, named as its variable.")
    model: str = Field("embedded", description="Hub id, local folder or GGUF file.")
    weights: str = Field("exact", description="exact, int8 or int4.")
    dtype: str = Field("auto", description="auto, bfloat16, float16 or float32.")
    impl: str = Field("auto", description="auto, cpu, triton or reference.")
    kv: str = Field("exact", description="How what was read is kept: exact, int8 or int4.")
    passphrase: SecretStr = Field(SecretStr(""), description="Seals what was read on disk.")
    password: SecretStr = Field(SecretStr(""), description="Of an encrypted PDF given on the command line.")
    bot: str = Field("legal", description="legal, code, support, or one of your own; `history` takes support.")
    profiles: Path | None = Field(None, description="A folder of your own bots.")
    pattern: str = Field("", description="Empty: the bot's own, else headers.")
    level: str = Field("auto", description="auto, faithful, balanced or fast.")

    host: str = Field("127.0.0.1", description="Where to listen; anything but this machine needs accounts.")
    port: int = Field(7860, ge=0, le=65535, description="The port.")
    accounts: bool = Field(False, description="Everybody logs in; the first start prints a link for the admin.")
    public_url: str = Field("", description="How people reach the server behind a proxy: https://documents.example.org")
    trusted_proxies: str = Field("127.0.0.1", description="Proxies whose X-Forwarded-For and -Proto are believed.")
    session_idle_hours: float = Field(12, gt=0, le=8760, description="A login that is not used ends after these.")
    session_days: float = Field(14, gt=0, le=366, description="Any login ends after these.")
    invitation_hours: float = Field(72, gt=0, le=8760, description="A one-time link works for these.")
    mcp: bool = Field(False, description="An MCP server at /mcp.")
    second_look: float = Field(0.05, ge=0, le=1, description="The share of answers compared with dense attention.")
    oidc_issuer: str = Field("", description="An OpenID Connect issuer that logs people in: https://id.example.org")
    oidc_client_id: str = Field("", description="What this server is called there.")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="Its secret there.")
    oidc_members: bool = Field(False, description="Whom the issuer knows becomes a member without an invitation.")
    oidc_name: str = Field("single sign-on", description="What the button on the login page says.")
    private_git: bool | None = Field(
        None, description="Git addresses inside this network may be read; empty: only where nobody needs a login."
    )
    webhook_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Private networks that webhooks may go to, separated by commas."
    )

    max_file_bytes: int | None = Field(None, description=_LIMIT)
    parse_seconds: float | None = Field(None, description=_LIMIT)
    parse_memory_bytes: int | None = Field(None, description=_LIMIT)
    max_chars: int | None = Field(None, description=_LIMIT)
    max_pages: int | None = Field(None, description=_LIMIT)
    max_files: int | None = Field(None, description=_LIMIT)
    max_unpacked_bytes: int | None = Field(None, description=_LIMIT)
    max_depth: int | None = Field(None, description=_LIMIT)
    clone_seconds: float | None = Field(None, description=_LIMIT)
    max_clone_bytes: int | None = Field(None, description=_LIMIT)

    warn_first_token_s: float | None = Field(None, description=_WARNING)
    warn_read_tokens_s: float | None = Field(None, description=_WARNING)
    warn_cached: float | None = Field(None, description=_WARNING)
    warn_refused: float | None = Field(None, description=_WARNING)
    warn_unproven: float | None = Field(None, description=_WARNING)
    warn_failed: float | None = Field(None, description=_WARNING)
    warn_down: float | None = Field(None, description=_WARNING)
    warn_agreement: float | None = Field(None, description=_WARNING)
    warn_waiting_s: float | None = Field(None, description=_WARNING)
    warn_enough: float | None = Field(None, description=_WARNING)

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    @field_validator("webhook_networks", mode="before")
    @classmethod
    def _by_commas(cls, value: Any) -> Any:
        return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value

    @field_validator("data_dir", "profiles", "secrets_dir")
    @classmethod
    def _at_home(cls, value: Path | None) -> Path | None:
        return value.expanduser() if value else None

    @classmethod
    def load(cls, flags: Mapping[str, Any] | None = None) -> Settings:
        """The settings with these flags. Raises SettingsError, one sentence."""
        given = dict(flags or {})
        from_env = EnvSettingsSource(cls)()
        folder = given.get("secrets_dir") or from_env.get("secrets_dir")
        if folder and not Path(folder).expanduser().is_dir():
            raise SettingsError(f"UNABRIDGED_SECRETS_DIR: {folder} is no folder.")
        secrets = Path(folder).expanduser() if folder else None
        from_files = SecretsSettingsSource(cls, secrets)() if secrets else {}
        try:
            made = cls(_secrets_dir=secrets, **given)  # type: ignore[call-arg]  # pydantic-settings takes it
        except ValidationError as error:
            raise SettingsError(_sentence(error, given)) from None
        for source, names in (("file", from_files), ("environment", from_env), ("flag", given)):
            made._sources.update(dict.fromkeys(names, source))
        made.limits()
        made.thresholds()
        return made

    def source(self, name: str) -> str:
        """Where the value of a setting came from: default, file, environment or flag."""
        return self._sources.get(name, "default")

    def limits(self) -> Limits:
        """The limits of reading. Raises SettingsError for one that is not positive."""
        from ingest import Limits

        chosen = {name: getattr(self, name) for name in Limits.__slots__}
        try:
            return Limits(**{name: value for name, value in chosen.items() if value is not None})
        except ValueError as error:
            raise SettingsError(f"{PREFIX}… sets a wrong limit: {error}.") from None

    def table(self) -> dict[str, str]:
        """“setting name” → its value and source; of secrets only whether they are set."""
        return {f"setting {name}": f"{self._shown(name)} ({self.source(name)})" for name in type(self).model_fields}

    def thresholds(self) -> Thresholds:
        """From where on the signals warn. Raises AssistantError for what cannot be."""
        from assistant.thresholds import Thresholds

        chosen = {name: getattr(self, f"warn_{name}") for name in Thresholds.__slots__}
        return Thresholds(**{name: value for name, value in chosen.items() if value is not None})

    @classmethod
    def markdown(cls) -> str:
        """The table of docs/operations.md."""
        from assistant.thresholds import Thresholds
        from ingest import Limits

        built_in = {name: getattr(Limits(), name) for name in Limits.__slots__}
        built_in |= {f"warn_{name}": getattr(Thresholds(), name) for name in Thresholds.__slots__}
        rows = ["| Variable | Default | |", "|---|---|---|"]
        for name, field in cls.model_fields.items():
            default = built_in.get(name, field.default)
            shown = "" if default in (None, "", ()) or isinstance(default, SecretStr) else str(default).lower()
            shown = "`data`" if name == "data_dir" else f"`{shown}`" if shown else ""
            told = "A limit of reading." if field.description == _LIMIT else field.description
            rows.append(f"| `{name.upper()}` | {shown} | {told} |")
        return "\n".join(rows)

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        if isinstance(value, SecretStr):
            return "set, hidden" if value.get_secret_value() else "not set"
        if isinstance(value, tuple):
            return ", ".join(value) or "none"
        if value is None and name not in ("profiles", "secrets_dir"):
            return "built in"
        return "none" if value in (None, "") else str(value)


def unknown(names: Iterable[str]) -> list[str]:
    """A sentence for each variable that begins as ours do and is no setting: a typo, or one of former days."""
    known = [name.upper() for name in Settings.model_fields]
    told = []
    for name in sorted(set(names) - {PREFIX + each for each in known}):
        if name in GONE:
            told.append(GONE[name])
        elif name.startswith(PREFIX):
            near = difflib.get_close_matches(name.removeprefix(PREFIX), known, 1)
            told.append(
                f"{name} is no setting" + (f"; did you mean {PREFIX}{near[0]}?" if near else "; see `app.py doctor`.")
            )
    return told


def _sentence(error: ValidationError, flags: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0])
    called = f"--{name.replace('_', '-')}" if name in flags else PREFIX + name.upper()
    kind, given = first["type"], "" if isinstance(first["input"], SecretStr) else f", not “{first['input']}”"
    if kind.startswith(("int_", "float_")):
        return f"{called} must be a number{given}."
    if kind.startswith("bool_"):
        return f"{called} must be true or false{given}."
    return f"{called}: {first['msg'].lower()}{given}."
