"""A git server over HTTPS on this machine, with a certificate of its own, and repositories to put on it."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

GIT_ENVIRONMENT = {
    "PATH": os.environ["PATH"], "HOME": os.devnull, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
    "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z",
}  # fmt: skip


def git(folder: Path, *arguments: str, data: bytes | None = None) -> str:
    """Runs git in a folder."""
    command = ["git", "-C", str(folder), "-c", "init.defaultBranch=main", *arguments]
    ended = subprocess.run(command, input=data, env=GIT_ENVIRONMENT, capture_output=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.decode().strip()


def commit(folder: Path, files: Mapping[str, str | bytes], message: str = "m") -> str:
    """Adds files to the repository in `folder` (made if need be) and commits them; the commit's id."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


class Server(ThreadingHTTPServer):
    """Serves the repositories below `root`; what it does to a request is set by the test."""

    daemon_threads = True

    def __init__(self, root: Path, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root, self.certificate = root, certificate
        self.redirect = ""  # where every first request is sent
        self.answer = 0  # the status every request gets
        self.stall = threading.Event()  # answers wait until it is set, if `stalling`
        self.stalling = False
        self.headers_seen: list[dict[str, str]] = []

    def url(self, name: str, host: str = "localhost") -> str:
        """The address of a repository."""
        return f"https://{host}:{self.server_address[1]}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        """The refs."""
        path, _, query = self.path.partition("?")
        if self._diverted(path, query) or not path.endswith("/info/refs"):
            return
        repository = self._repository(path.removesuffix("/info/refs"))
        if repository is None:
            return
        out = self._git(repository, "--http-backend-info-refs", b"")
        self._send("application/x-git-upload-pack-advertisement", b"001e# service=git-upload-pack\n0000" + out)

    def do_POST(self) -> None:
        """The pack."""
        body = self._body()
        repository = self._repository(self.path.removesuffix("/git-upload-pack"))
        if not self._diverted(self.path, "") and repository is not None:
            self._send("application/x-git-upload-pack-result", self._git(repository, "--stateless-rpc", body))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""

    def _diverted(self, path: str, query: str) -> bool:
        self.server.headers_seen.append(dict(self.headers))
        if self.server.stalling:
            self.server.stall.wait(60)
        if self.server.redirect:
            self.send_response(302)
            self.send_header("Location", f"{self.server.redirect}{path}?{query}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.server.answer:
            self.send_response(self.server.answer)
            self.send_header("WWW-Authenticate", "Basic realm=x")
            self.send_header("Content-Length", "0")
            self.end_headers()
        return bool(self.server.redirect or self.server.answer)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        return zlib.decompress(body, 31) if self.headers.get("Content-Encoding") == "gzip" else body

    def _repository(self, path: str) -> Path | None:
        found = self.server.root / path.strip("/")
        if (found / ".git").exists():
            return found
        self.send_error(404)
        return None

    def _git(self, repository: Path, how: str, body: bytes) -> bytes:
        command = ["git", "-c", "uploadpack.allowAnySHA1InWant=true", "upload-pack", "--stateless-rpc"]
        command += ["--advertise-refs"] if how == "--http-backend-info-refs" else []
        environment = {**GIT_ENVIRONMENT, "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")}
        return subprocess.run([*command, str(repository)], input=body, env=environment, capture_output=True).stdout

    def _send(self, kind: str, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serve(root: Path) -> Iterator[Server]:
    """A server over the repositories below `root`."""
    certificate, key = _certificate(root)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Server(root, certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stall.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.fromtimestamp(time.time(), datetime.UTC)
    hosts = [x509.DNSName("localhost"), x509.DNSName("repo.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private
