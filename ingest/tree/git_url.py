"""Git URLs: which may be cloned, what they name, and whether they lead to a private address."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from ingest.document import CloneError
from ingest.text import one_line

SHOWN_CHARS = 200
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?://|:)")  # also git's "transport::address"
_SCP = re.compile(r"[\w.-]+@[\w.-]+:[^\\]")  # git@host:path
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_PATH = re.compile(r"(?:/[A-Za-z0-9_~.+%-]+)+/?")
_REF = re.compile(r"[A-Za-z0-9][\w.+/-]{0,200}", re.ASCII)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class GitUrl:
    """An address to clone: `url` without the ref; `ref` is a branch, a tag, a full commit id, or "" for the default."""

    url: str
    host: str
    port: int
    ref: str


def is_git_url(text: str) -> bool:
    """Whether the text is an address and not a path; `parse` then says whether it may be cloned."""
    return _SCHEME.match(text) is not None or _SCP.match(text) is not None


def parse(text: str) -> GitUrl:
    """`https://host/path`, with "#ref" or "@ref" after it if wanted; a CloneError that says what to do for all else."""
    shown = without_credentials(text)
    if _SCP.match(text) and not _SCHEME.match(text):
        host, _, path = text.partition("@")[2].partition(":")
        raise CloneError(f"{shown} is an SSH address, which is not cloned: give https://{host}/{path.lstrip('/')}.")
    if not text.startswith("https://"):
        raise CloneError(f"{shown} is not cloned: only addresses that start with https:// are, give that one.")
    address, marked, ref = text.partition("#")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or 443
    except ValueError:
        raise CloneError(f"{shown} is not a valid address: check it.") from None
    if "@" in parts.netloc:
        raise CloneError(f"{shown} holds a user name or password: remove it, or clone it yourself and give the folder.")
    if "?" in address:
        raise CloneError(f"{shown} holds a question mark: give the address of the repository without what follows it.")
    path, at, after = parts.path.partition("@")
    if at and (marked or "/" in after or "@" in after):
        raise CloneError(f'{shown} names a branch in an unclear way: put it behind one "#" at the end.')
    if at:
        address, ref = address[: -len(after) - 1], after
    if not _HOST.fullmatch(host) or not _PATH.fullmatch(path) or ".." in path.split("/") or not address.isprintable():
        raise CloneError(f"{shown} is not the address of a repository: give it as https://host/owner/name.")
    if (marked or at) and not _valid_ref(ref):
        raise CloneError(f"{shown} names no valid branch, tag or commit: check what stands behind the # or @.")
    return GitUrl(address, host, port, ref)


def _valid_ref(ref: str) -> bool:
    wrong = any(bad in ref for bad in ("..", "//", "/.", ".lock/")) or ref.endswith(("/", ".", ".lock"))
    return _REF.fullmatch(ref) is not None and not wrong


def without_credentials(text: str) -> str:
    """An address as it may be shown: nothing between "//" and "@", nothing behind "?", one short line."""
    shown = re.sub(r"//[^/\s]*@", "//", one_line(text))
    shown = shown.partition("?")[0]
    return shown if len(shown) <= SHOWN_CHARS else shown[:SHOWN_CHARS] + "…"


def public_addresses(url: GitUrl) -> list[str]:
    """The addresses of the host; a CloneError if any of them is this machine's or a private network's."""
    try:
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise CloneError(f"{url.url} cannot be cloned: the host {url.host} is not known; check the address.") from None
    addresses = [str(info[4][0]).partition("%")[0] for info in found]
    if not all(map(_is_public, addresses)):
        raise CloneError(f"{url.url} is not cloned: {url.host} is an address inside a private network.")
    return list(dict.fromkeys(addresses))


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return _is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return _is_public(str(inner))
    return ip.is_global and not ip.is_multicast
