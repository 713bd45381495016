"""Where a webhook may go: never to an address inside that nobody opened, and to the very address that was checked."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from assistant.webhook_address import AddressError, Guard
from tests.webhook_house import Box, Event, Receiver, courier, receiver

__all__ = ["receiver"]  # fixtures


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for `name` with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(plain + built.public_bytes(pem))
    return path


@pytest.mark.parametrize(("name", "arrives"), [("desk.example", True), ("other.example", False)])
def test_the_checked_address_is_used_and_the_name_is_proven(
    receiver: Receiver, tmp_path: Path, name: str, arrives: bool
) -> None:
    pem = certificate(tmp_path, name)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    receiver.server.socket = server.wrap_socket(receiver.server.socket, server_side=True)
    client = httpx.Client(verify=ssl.create_default_context(cafile=str(pem)), trust_env=False, timeout=5)
    guard = Guard(("127.0.0.1",), lambda host, port: ["127.0.0.1"] if host == "desk.example" else [])
    box = Box([Event(7, f"https://desk.example:{receiver.port}/hook")])
    courier(box, guard=guard, client=lambda: client).deliver_due()
    client.close()
    assert (box.done == [7]) is arrives
    if arrives:
        assert receiver.got[0][1]["host"] == f"desk.example:{receiver.port}"
    else:
        assert "ConnectError" in box.failures[0][1]


# -- where it may go -------------------------------------------------------------------

INSIDE = [
    "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
    "::1", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "255.255.255.255",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_refused(address: str) -> None:
    with pytest.raises(AddressError, match="inside this network"):
        Guard((), lambda host, port: [address]).target("https://desk.example/hook")


def test_one_address_inside_spoils_a_host() -> None:
    with pytest.raises(AddressError):
        Guard((), lambda host, port: ["93.184.216.34", "10.0.0.1"]).target("https://desk.example/")


def test_a_public_address_is_connected_to_as_checked() -> None:
    target = Guard((), lambda host, port: ["93.184.216.34"]).target("https://desk.example/hook?x=1")
    assert str(target.url) == "https://93.184.216.34/hook?x=1" and target.host == "desk.example"
    six = Guard((), lambda host, port: ["2606:2800:220:1::1"]).target("https://desk.example:8443/")
    assert str(six.url) == "https://[2606:2800:220:1::1]:8443/"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://desk.example/", "not encrypted"),
        ("ftp://desk.example/", "needs an https URL"),
        ("https:///hook", "needs an https URL"),
        ("desk.example", "needs an https URL"),
        ("https://user:pw@desk.example/", "name or password"),
        ("https://desk.example:99999/", "no valid host or port"),
        ("https://a b/", "no valid host or port"),
    ],
)
def test_other_urls_are_refused(url: str, told: str) -> None:
    with pytest.raises(AddressError, match=told):
        Guard((), lambda host, port: ["93.184.216.34"]).target(url)


def test_what_the_operator_allows_is_allowed_and_http_only_to_this_machine() -> None:
    inside = Guard(("10.1.0.0/16", "127.0.0.1"), lambda host, port: ["10.1.2.3"])
    assert inside.target("https://desk.local/").address == "10.1.2.3"
    with pytest.raises(AddressError, match="not encrypted"):
        inside.target("http://desk.local/")
    with pytest.raises(AddressError, match="no network"):
        Guard(("everything",))


@given(st.ip_addresses())
def test_no_address_that_is_not_global_passes(address: object) -> None:
    text = str(address)
    guard = Guard((), lambda host, port: [text])
    try:
        guard.target("https://desk.example/")
    except AddressError:
        return
    assert ip_address(text).is_global
