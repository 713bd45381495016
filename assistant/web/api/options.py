"""What the operator may set of the API."""

from __future__ import annotations

from dataclasses import dataclass, field

from assistant.entrance import EntranceOptions

MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class SsoOptions:
    """An OpenID Connect issuer. `members`: whom it knows and nobody invited becomes a member, else is refused.

    `name`: what the button says.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    members: bool = False
    name: str = "single sign-on"


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """Who may come in, and how much each may ask for. Raises ValueError for limits that are not positive.

    `open_user`: whose data requests without a key reach, for one person on 127.0.0.1; None asks everybody for a key.
    `public_url`: how people reach a server behind a proxy; empty: as it is reached. `sso`: the OpenID issuer that logs
    people in, if any. Sizes are bytes; `max_request_bytes` is of a JSON body, in which files are a third longer than on
    disk, `max_page_bytes` of what the page sends when something is done on it. Bodies must arrive at `min_upload_rate`
    bytes a second after `upload_grace_s`. The per-minute limits and those on what goes on at once are for each user;
    `wrong_keys_per_minute` is for each address.
    """

    open_user: str | None = None
    public_url: str = ""
    entrance: EntranceOptions = field(default_factory=EntranceOptions)
    sso: SsoOptions | None = None
    max_upload_bytes: int = 200 * MEGABYTE
    max_request_bytes: int = 64 * MEGABYTE
    max_page_bytes: int = 8 * MEGABYTE
    max_small_bytes: int = 64 * 1024
    upload_grace_s: float = 15.0
    min_upload_rate: float = 16 * 1024
    requests_per_minute: int = 600
    answers_per_minute: int = 60
    answers_at_once: int = 8
    uploads_at_once: int = 16
    wrong_keys_per_minute: int = 20
    readers: int = 2  # uploads parsed and read side by side; the others wait

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, int | float) and value <= 0:
                raise ValueError(f"{name} must be positive, not {value}")

    def most_bytes(self, path: str) -> int:
        """The largest body that a request to `path` may have."""
        if path.startswith("/v1/files") or "/gradio_api/upload" in path:
            return self.max_upload_bytes
        if "/gradio_api/" in path:
            return self.max_page_bytes
        return self.max_request_bytes if path.startswith(("/v1/chat", "/mcp")) else self.max_small_bytes
