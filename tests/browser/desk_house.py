"""A served house for the browser tests of inbox and signals: a scripted engine, a customer who needs somebody."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assistant.entrance import Entrance
from assistant.handoff_rules import Reason
from assistant.packet import Exchange, build_packet
from assistant.service import Service
from assistant.web.api.options import ApiOptions
from assistant.web.api.people import COOKIE
from assistant.web.server import Server, application
from storage import CitationRecord, Store
from tests.api_house import service_in
from tests.conftest import HOUSE
from tests.fakes import contract
from tests.ports import free_port

CUSTOMER, AGENT = "ann", "kim"


@dataclass(frozen=True)
class Served:
    """A running server, its database, and the conversation that waits for a person."""

    address: str
    store: Store
    talk: str

    def login(self, user: str) -> list[dict[str, str]]:
        """The cookies of somebody who has logged in."""
        visit = Entrance(self.store).begin(user, agent="test")
        return [{"name": COOKIE, "value": visit.token, "url": self.address}]


@contextmanager
def served(data: Path) -> Iterator[Served]:
    """The whole application on a free port, in a process of its own: Gradio leaves event loops open behind it."""
    port = free_port()
    command = [sys.executable, "-m", "tests.browser.desk_house", str(data), str(port)]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(command, cwd=HOUSE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout
        talk = process.stdout.readline().strip()
        assert talk, "the server ended"
        wait_for(address)
        store = Store.open(data)
        yield Served(address, store, talk)
        store.close()
    finally:
        process.terminate()
        process.communicate(timeout=30)


def wait_for(address: str) -> None:
    """Returns once the server answers."""
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/healthz", timeout=2).read()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def serve(data: Path, port: int) -> None:
    """What the other process does until it is ended."""
    service = service_in(data)
    service.store.accounts.create_organisation("Acme", organisation_id="acme")
    for name, role in ((CUSTOMER, "member"), (AGENT, "agent")):
        service.store.accounts.add_user("acme", name, role=role)
    print(waiting(service, data), flush=True)
    Server(application(service, ApiOptions()), "127.0.0.1", port).run()
    service.close()


def waiting(service: Service, data: Path) -> str:
    """A conversation about a contract in which the customer asked for a person."""
    store, document = service.store, service.reader.start([contract(data / "up")]).result()
    talk = service.converse(CUSTOMER, document, "legal").id
    told: list[Exchange] = []
    for question, answer in (
        ("What is the yearly fee?", "The Client pays a yearly fee of $120,000."),
        ("Can we end it without a reason?", "Either party may terminate upon ninety (90) days' written notice."),
    ):
        store.append(CUSTOMER, talk, "user", question)
        store.append(CUSTOMER, talk, "assistant", answer)
        quote = CitationRecord(1, "contract.txt", None, None, 10, "Fee", answer, 0, 9, True, "quote", 0.9)
        told.append(Exchange(question, answer, True, (quote,), datetime.now(UTC)))
    store.append(CUSTOMER, talk, "user", "I want to talk to a human <b>now</b>.")
    packet = build_packet(Reason("person", "“talk to a human”"), told, now=datetime.now(UTC))
    store.hand_offs.request(CUSTOMER, talk, "person", json.dumps(packet.as_json()))
    store.append(CUSTOMER, talk, "assistant", "I have asked a colleague to take over.")
    return talk


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
