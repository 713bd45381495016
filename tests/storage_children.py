"""What other processes do in the tests of storage; imported there without pytest, so that they start fast."""

from multiprocessing.connection import Connection

from storage import Store


def answer(heard: Connection, place: str, conversation: str) -> None:
    """Begins an answer, says its id, and finishes it when told to."""
    store = Store.open(place)
    begun = store.begin_answer("ann", conversation).id or 0
    store.grow_answer("ann", begun, "half an ans")
    heard.send(begun)
    heard.recv()
    store.finish_answer("ann", begun, "half an answer", "complete", None)
    store.close()


def open_and_write(heard: Connection, place: str) -> None:
    """Opens the store when told to, with others that do the same."""
    heard.send("ready")
    heard.recv()
    store = Store.open(place)
    store.append("ann", store.create_conversation("ann", "legal", "t").id, "user", "x")
    store.close()
