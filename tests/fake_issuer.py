"""A small OpenID issuer on this machine, which checks PKCE and signs what it is told to sign."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "unabridged", "hush"


@dataclass
class FakeIssuer:
    """`claims`: what is said of whoever comes; `alter`: claims that replace the right ones; `key`: what signs."""

    address: str
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}))
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "s1", "email": "kim@example.org", "email_verified": True}
    )
    alter: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    forged: RSAKey | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def consent(self, url: str) -> str:
        """What the user does at the issuer: the path and query that their browser comes back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256" and len(asked["nonce"]) >= 16 and len(asked["state"]) >= 16
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        back = urlsplit(asked["redirect_uri"])
        return f"{back.path}?code={code}&state={asked['state']}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The token endpoint."""
        expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(form.get("code", ""), None)
        if authorization != f"Basic {expected}" or asked is None:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims |= self.claims | self.alter
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.forged or self.key)
        return 200, {"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": signed}

    def told(self, path: str) -> dict[str, Any] | None:
        """What a GET answers."""
        if path == "/jwks":
            return {"keys": [self.key.as_dict(private=False)]}
        if path != "/.well-known/openid-configuration":
            return None
        known = {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return known | self.metadata


@contextmanager
def fake_issuer() -> Iterator[FakeIssuer]:
    """One that listens on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = issuer.told(self.path)
            self._answer(200 if told else 404, told or {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*issuer.token(form, self.headers.get("authorization", "")))

        def _answer(self, status: int, value: dict[str, Any]) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = FakeIssuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
