"""Where webhooks may go: https to public addresses, and what the operator allows by name besides.

A host is resolved once, every address it has is checked, and the connection goes to the checked address, so that a name
that changes its mind in between (DNS rebinding) reaches nothing inside.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from assistant.errors import AssistantError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")  # a name in ASCII or an address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressError(AssistantError):
    """An address that no webhook may go to."""


@dataclass(frozen=True, slots=True)
class Target:
    """A checked place to connect to: `address` is an IP address, `host` the name that TLS must prove."""

    url: httpx.URL
    host: str
    address: str


def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as this machine sees them; OSError where there are none."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class Guard:
    """`allowed`: networks inside that the operator opens, such as "127.0.0.1" or "10.1.0.0/16"; none by default.

    Plain http goes to an allowed loopback address only.
    """

    allowed: tuple[str, ...] = ()
    resolve: Resolve = field(default=resolved)

    def __post_init__(self) -> None:
        for each in self.allowed:
            try:
                ipaddress.ip_network(each)
            except ValueError as error:
                raise AddressError(f"“{each}” is no network; write it as 127.0.0.1 or 10.1.0.0/16.") from error

    def check(self, url: str) -> httpx.URL:
        """The parsed URL if its form is allowed; nothing is resolved. Raises AddressError."""
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise AddressError("The webhook's URL cannot be read; write it as https://host/path.") from error
        if parsed.scheme not in ("https", "http") or not parsed.host:
            raise AddressError("A webhook needs an https URL with a host, such as https://desk.example.com/hook.")
        if not _HOST.fullmatch(parsed.raw_host.decode("ascii")) or not 0 < (parsed.port or 443) < 65536:
            raise AddressError("The webhook's URL has no valid host or port; write it as https://host/path.")
        if parsed.userinfo:
            raise AddressError("The webhook's URL holds a name or password; leave them out, messages are signed.")
        return parsed

    def target(self, url: str) -> Target:
        """Where to connect for `url`; AddressError for what is not allowed, OSError for a host that is not known."""
        parsed = self.check(url)
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in self.resolve(parsed.host, port)]
        if not addresses:
            raise OSError(f"{parsed.host} has no address")
        for address in addresses:
            self._check(parsed, address)
        return Target(parsed.copy_with(host=str(addresses[0])), parsed.host, str(addresses[0]))

    def _check(self, url: httpx.URL, address: Address) -> None:
        opened = any(address in ipaddress.ip_network(each) for each in self.allowed)
        if url.scheme == "http" and not (opened and address.is_loopback):
            raise AddressError(f"The webhook for {url.host} is not encrypted; use https.")
        if not opened and not _public(address):
            raise AddressError(
                f"{url.host} is an address inside this network, where webhooks may not go; "
                f"the operator can allow it by name."
            )


def _public(address: Address) -> bool:
    """Whether an address lies on the open internet, in whatever clothes it comes."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.teredo is not None:
            return False
        if inner is not None:
            return _public(inner)
    return address.is_global and not address.is_multicast
