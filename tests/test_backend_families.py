"""Decoders of many families: what is read densely and asked behind it equals transformers' own eager attention."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sparse_backend import Engine, EngineOptions, load_decoder
from sparse_backend.config import UnsupportedModelError
from sparse_backend.segment import Context, KVBuffer
from sparse_backend.steps import TailStep
from tests.decoder_families import REFUSED, SERVED, build, config
from tests.tiny import one_thread, tokens

N, READ = 48, 30


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_there_are_forty_families() -> None:
    assert len({kind for kind, _ in SERVED.values()}) >= 40


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SERVED)
def test_dense_equals_eager(name: str, tmp_path: Path) -> None:
    """Read in chunks, asked in two pieces; the logits differ as float32 sums in another order do."""
    kind, changes = SERVED[name]
    model, ids = build(config(kind, changes)), tokens(N)
    model.save_pretrained(tmp_path)
    with torch.inference_mode():
        eager = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    decoder = load_decoder(kind, str(tmp_path), torch.float32, tmp_path / "fingerprints.json")
    engine = Engine(decoder, EngineOptions(tmp_path / "segments", pattern="dense", chunk=16))
    context = Context((engine.read(ids[:READ], [3]).segment,))
    kv, found = KVBuffer(decoder.shape, N), []
    for low, high in ((READ, 37), (37, N)):
        logits = decoder.forward(ids[low:high], TailStep(decoder, kv, context), keep=range(high - low))
        assert logits is not None
        kv.advance(high - low)
        found.append(logits)
    error = (torch.cat(found) - eager[READ:]).norm() / eager[READ:].norm()
    assert error < 1e-5, f"{float(error):.1e}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_families_that_cannot_be_served_are_refused_by_name(name: str, tmp_path: Path) -> None:
    kind, changes, reason = REFUSED[name]
    build(config(kind, changes)).save_pretrained(tmp_path)
    with pytest.raises(UnsupportedModelError, match=f"tiny.*({reason})"):
        load_decoder("tiny", str(tmp_path), torch.float32, tmp_path / "fingerprints.json")
