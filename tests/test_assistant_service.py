"""How a model gets in: what `--model`, `--weights` and `--dtype` name, and what is refused in a sentence."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from assistant.bot import Finished
from assistant.diagnosis import best_dtype, diagnose
from assistant.keeping import segments, store_options
from assistant.service import Service, model_source
from assistant.service_options import ServiceOptions
from sparse_backend import Engine
from sparse_backend.config import UnsupportedModelError, UnsupportedPatternError, WrongKeyError
from sparse_backend.loading import DTYPES, parse_dtype
from sparse_backend.packed import Int8Linear
from sparse_backend.quantize import KVFormat
from tests.fakes import contract, model_folder
from tests.gguf_file import TOKENS, write
from tests.tiny import build, llama, one_thread


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that has room for a prompt; its tokens are bytes."""
    model = build(llama(vocab_size=TOKENS, hidden_size=64, num_attention_heads=8, max_position_embeddings=8192))
    return write(tmp_path_factory.mktemp("gguf") / "Tiny-0.1B.Q8_0.gguf", model, kind="Q8_0")


def test_a_gguf_file_answers_questions_with_packed_weights(gguf: Path, tmp_path: Path) -> None:
    options = ServiceOptions(tmp_path / "data", str(gguf.parent), dtype="float32", weights="int8")
    service = Service(options)
    try:
        assert isinstance(service.engine, Engine)
        decoder = service.engine.decoder
        assert decoder.name == "Tiny-0.1B.Q8_0"
        assert any(isinstance(module, Int8Linear) for module in decoder.model.modules())
        job = service.reader.start(service.reader.library.add([contract(tmp_path / "up")]))
        document = job.result()
        talk = service.converse("ann", document)
        *_, last = service.chat.ask("ann", talk.id, "Who?", document, read_now=0)
        assert isinstance(last, Finished)
        assert service.chat.record(last, document, 0).model == decoder.name
    finally:
        service.store.close()
    kept = [path.name for path in (tmp_path / "data" / "models").iterdir() if path.is_dir()]
    assert len(kept) == 1 and kept[0].startswith("Tiny-0.1B.Q8_0-bf16-")


def test_a_model_is_named_by_hub_id_folder_or_file(gguf: Path, tmp_path: Path) -> None:
    assert model_source("owner/name", tmp_path) == ("name", "owner/name")
    assert model_source(model_folder(), tmp_path)[1] == model_folder()
    assert model_source(str(gguf), tmp_path) == model_source(str(gguf.parent), tmp_path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"weights": "int2"}, "exact, int8, int4"), ({"dtype": "int8"}, "auto, bfloat16, float16, float32")],
)
def test_wrong_names_list_the_choices_before_anything_is_loaded(
    wrong: dict[str, Any], message: str, tmp_path: Path
) -> None:
    options = replace(ServiceOptions(tmp_path, "/nowhere"), **wrong)
    with pytest.raises(UnsupportedModelError, match=message):
        Service(options)
    with pytest.raises(UnsupportedModelError, match=message):
        diagnose(options)


def test_every_dtype_has_a_name() -> None:
    assert {parse_dtype(name) for name in DTYPES} == {torch.bfloat16, torch.float16, torch.float32}


def test_the_doctor_tells_weights_dtype_and_libraries(gguf: Path, tmp_path: Path) -> None:
    report = diagnose(ServiceOptions(tmp_path, str(gguf), dtype="float16", weights="int4"))
    assert report["model"] == f"{gguf} (GGUF, unpacked once to bfloat16)"
    assert report["weights"].startswith("int4: ") and "on the CPU only" in report["weights"]
    assert report["dtype"].startswith(f"float16 ({best_dtype()} is what this CPU")
    assert {name.split()[0] for name in report["libraries"].split(", ")} == {
        "transformers", "safetensors", "accelerate", "gguf"
    }  # fmt: skip
    assert diagnose(ServiceOptions(tmp_path, dtype=best_dtype()))["weights"].startswith("exact")


def test_what_was_read_is_kept_as_asked_and_sealed(tmp_path: Path) -> None:
    options = ServiceOptions(tmp_path, kv="int8", passphrase="correct horse")
    kept = store_options(options)
    assert kept.kv_format is KVFormat.INT8 and kept.key == store_options(options).key and len(kept.key or b"") == 32
    assert "correct horse" not in repr(options)
    segments(options)
    with pytest.raises(WrongKeyError):
        segments(ServiceOptions(tmp_path, kv="int8", passphrase="another"))
    with pytest.raises(UnsupportedPatternError, match="exact, int8, int4"):
        store_options(ServiceOptions(tmp_path, kv="int9"))
