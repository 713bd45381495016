"""Routing: our dense schedule is transformers' own eager forward pass; what cannot be served is refused."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from inspect import ismodule
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import GraniteConfig, MistralConfig

import sparse_backend
from sparse_backend import gpu
from sparse_backend.config import ModelNotFoundError, UnsupportedModelError
from sparse_backend.kernels.reference import attention
from sparse_backend.model import Decoder, Form, KeysComplete
from sparse_backend.pattern import Pattern
from sparse_backend.presets import Schedule
from sparse_backend.segment import Context, KVBuffer, Segment
from sparse_backend.steps import TailStep
from tests.tiny import LIMIT, SIZES, build, engine, llama, load, one_thread, qwen2, save, tokens

ROOT = Path(__file__).parents[1]
N = 90
CONFIGS = {
    "llama": llama(),
    "llama-7-to-1": llama(hidden_size=56, num_attention_heads=7, num_key_value_heads=1),
    "qwen2": qwen2(),
    "granite": GraniteConfig(**SIZES, attention_multiplier=0.2),  # scores scaled otherwise than by D ** -0.5
    "mistral": MistralConfig(**{**SIZES, "sliding_window": 16}),
}


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("llama"), llama())


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy", ignore=lambda *_: ["fingerprints.json"])


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def ask_logits(decoder: Decoder, segment: Segment, ids: Sequence[int], step: int) -> list[Tensor]:
    """Logits after every `step` tokens of `ids`, which are asked behind the segment."""
    kv = KVBuffer(decoder.shape, len(ids))
    found = []
    for low in range(0, len(ids), step):
        chunk = ids[low : low + step]
        logits = decoder.forward(chunk, TailStep(decoder, kv, Context((segment,))))
        kv.advance(len(chunk))
        assert logits is not None
        found.append(logits[0])
    return found


@pytest.mark.parametrize("name", CONFIGS)
def test_dense_reading_and_asking_equal_the_models_own_forward(name: str, tmp_path: Path) -> None:
    """1e-4 is ten times what float32 loses here: the same model in float64 differs from float32 by about 1e-5."""
    config = CONFIGS[name]
    decoder, ids = load(save(tmp_path / "model", config)), tokens(N)
    with torch.inference_mode():
        exact = build(config).double()(input_ids=torch.tensor([ids])).logits[0]
        eager = build(config)(input_ids=torch.tensor([ids])).logits[0]
    assert (exact - eager).abs().max() < 1e-4 < 1e-3 * exact.abs().max()
    for split in (1, 17, 64, N - 1):
        segment = engine(decoder, tmp_path / "segments", pattern="dense").read(ids[:split], []).segment
        for step in (1, 7, N):
            logits = torch.stack(ask_logits(decoder, segment, ids[split:], step))
            at = [min(low + step, N) - 1 for low in range(split, N, step)]
            assert (logits - exact[at]).abs().max() < 1e-4, (split, step)


def test_the_answer_is_what_greedy_decoding_by_transformers_gives(folder: Path, tmp_path: Path) -> None:
    ids, model = tokens(N), build(llama())
    with torch.inference_mode():
        for _ in range(12):
            ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    made = engine(load(folder), tmp_path, pattern="dense")
    segment = made.read(ids[:60], []).segment
    assert list(made.ask(segment, ids[60:N], stop_ids=frozenset(), max_new_tokens=12)) == ids[N:]


def test_sparse_reading_equals_an_eager_model_with_the_masks_written_out(folder: Path, tmp_path: Path) -> None:
    """Each layer of transformers' Llama is computed by hand under its own mask; keys and values must agree."""
    ids, anchors, decoder = tokens(N), [13, 40, 41, N - 1], load(folder)
    made = engine(decoder, tmp_path)
    made.schedule = Schedule(Pattern("a", 24, sink=4, anchors=True), Pattern("b", 8, sink=2))
    segment = made.read(ids, anchors).segment
    model = build(llama()).model
    i, j = torch.arange(N)[:, None], torch.arange(N)[None, :]
    shallow = (j <= i) & ((i - j < 24) | (j < 4) | torch.isin(j, torch.tensor(anchors)))
    deep = (j <= i) & ((i - j < 8) | (j < 2))
    with torch.inference_mode():
        hidden = model.embed_tokens(torch.tensor([ids]))
        cos, sin = model.rotary_emb(hidden, torch.arange(N)[None])
        for number, layer in enumerate(model.layers):
            normed = layer.input_layernorm(hidden)
            q, k, v = (getattr(layer.self_attn, f"{x}_proj")(normed)[0].view(N, -1, 8).transpose(0, 1) for x in "qkv")
            q, k = (x * cos + torch.cat([-x[..., 4:], x[..., :4]], -1) * sin for x in (q, k))
            assert (segment.keys[number] - k).abs().max() < 1e-4, number
            assert (segment.values[number] - v).abs().max() < 1e-4, number
            mixed, _ = attention(q, k, v, deep if number == 2 else shallow, 8**-0.5)
            hidden = hidden + layer.self_attn.o_proj(mixed.transpose(0, 1).reshape(1, N, -1))
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))


def test_the_early_end_of_a_reading_pass_leaves_the_model_usable(folder: Path, tmp_path: Path) -> None:
    class Stop:
        def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, form: Form) -> Tensor:
            if layer == 1:
                raise KeysComplete
            return q.transpose(0, 1)

    decoder, ids = load(folder), tokens(40)
    segment = engine(decoder, tmp_path).read(ids, []).segment
    before = ask_logits(decoder, segment, [1, 2, 3], 3)[0]
    assert decoder.forward(ids, Stop()) is None
    assert torch.equal(ask_logits(decoder, segment, [1, 2, 3], 3)[0], before)
    assert not torch.is_inference_mode_enabled()


def test_a_decoder_knows_its_own_sizes(folder: Path) -> None:
    decoder = load(folder, torch.bfloat16)
    shape = decoder.shape
    assert (shape.layers, shape.kv_heads, shape.head_dim, shape.dtype) == (3, 2, 8, torch.bfloat16)
    assert shape.bytes(10) == 2 * 3 * 2 * 8 * 10 * 2
    assert (decoder.limit, decoder.heads, decoder.name) == (LIMIT, 6, "tiny")
    assert decoder.parameters == sum(parameter.numel() for parameter in build(llama()).parameters())


def test_what_is_no_model_is_not_found(copied: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="tiny"):
        load(tmp_path / "nowhere")
    (copied / "config.json").write_text("{")
    with pytest.raises(ModelNotFoundError):
        load(copied)
    (copied / "config.json").unlink()
    with pytest.raises(ModelNotFoundError):
        load(copied)


def test_a_config_that_contradicts_itself_is_refused(copied: Path) -> None:
    change_config(copied, num_attention_heads=7)
    with pytest.raises(UnsupportedModelError, match="tiny"):
        load(copied)


def test_pickled_weights_are_not_even_opened(copied: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return Path.touch, (copied / "exploded",)  # type: ignore[return-value]

    (copied / "model.safetensors").unlink()
    torch.save(Bomb(), copied / "pytorch_model.bin")
    with pytest.raises(ModelNotFoundError, match="safetensors"):
        load(copied)
    assert not (copied / "exploded").exists()


def test_a_model_with_code_of_its_own_is_refused_without_a_question(copied: Path) -> None:
    """transformers asks on the terminal otherwise, and runs the code when the answer is y."""
    change_config(copied, model_type="odd", auto_map={"AutoConfig": "odd.C", "AutoModelForCausalLM": "odd.M"})
    (copied / "odd.py").write_text(f"open({str(copied / 'ran')!r}, 'w')")
    code = (
        "import sys, torch; from pathlib import Path; from sparse_backend import load_decoder\n"
        "load_decoder('odd', sys.argv[1], torch.float32, Path(sys.argv[1], 'f.json'))"
    )
    command = [sys.executable, "-c", code, str(copied)]
    done = subprocess.run(command, input="y\n" * 9, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert "UnsupportedModelError" in done.stderr.splitlines()[-1]
    assert "y/N" not in done.stdout and not (copied / "ran").exists()


@pytest.mark.parametrize("damage", ["missing", "shape", "truncated"])
def test_damaged_weights_are_refused(copied: Path, damage: str) -> None:
    path, name = copied / "model.safetensors", "model.layers.1.mlp.up_proj.weight"
    weights = {key: tensor.clone() for key, tensor in load_file(path).items()}
    if damage == "missing":
        del weights[name]
    if damage == "shape":
        weights[name] = weights[name][:5].clone()
    save_file(weights, path, {"format": "pt"})
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnsupportedModelError, match="served" if damage == "truncated" else name):
        load(copied)


def test_the_fingerprint_is_that_of_weights_config_and_dtype(folder: Path, copied: Path, tmp_path: Path) -> None:
    first = load(folder).fingerprint
    assert load(folder).fingerprint == first
    assert load(copied).fingerprint == first  # the same model somewhere else
    assert load(folder, torch.bfloat16).fingerprint != first
    assert load(save(tmp_path / "other", llama(), seed=1)).fingerprint != first
    change_config(copied, rms_norm_eps=1e-3)
    assert load(copied).fingerprint != first


def test_remembered_hashes_follow_the_file(copied: Path) -> None:
    first = load(copied).fingerprint
    (copied / "fingerprints.json").write_text("not json")
    assert load(copied).fingerprint == first
    path = copied / "model.safetensors"
    weights = {key: tensor * 2 for key, tensor in load_file(path).items()}
    save_file(weights, path, {"format": "pt"})
    assert load(copied).fingerprint != first


def test_all_names_everything_public() -> None:
    public = {name for name, value in vars(sparse_backend).items() if not name.startswith("_") and not ismodule(value)}
    assert public == set(sparse_backend.__all__)
    assert sparse_backend.__all__ == sorted(sparse_backend.__all__)


def test_importing_brings_in_none_of_the_other_parts() -> None:
    code = (
        "import sys, sparse_backend, sparse_backend.embedded\n"
        "parts = {'gradio', 'sqlalchemy', 'ingest', 'storage', 'assistant', 'fastapi', 'app'}\n"
        "assert 'torch' in sys.modules\n"
        "assert not parts & set(sys.modules), parts & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kind", ["T5", "Bart", "LED", "LongT5"])
def test_encoder_decoders_are_refused_with_what_to_use_instead(kind: str, tmp_path: Path) -> None:
    getattr(transformers, f"{kind}Config")().save_pretrained(tmp_path)
    with pytest.raises(UnsupportedModelError, match=rf"“tiny” is an encoder-decoder \({kind.lower()}\).*Qwen2\.5"):
        load(tmp_path)


def test_float16_is_computed_like_eager_and_its_overflow_refused(copied: Path) -> None:
    assert load(copied, torch.float16).shape.dtype == torch.float16
    path = copied / "model.safetensors"
    weights = {key: tensor * 1e5 if "lm_head" in key else tensor for key, tensor in load_file(path).items()}
    save_file(weights, path, {"format": "pt"})
    load(copied, torch.float32)
    with pytest.raises(UnsupportedModelError, match=r"range of torch\.float16; choose another --dtype"):
        load(copied, torch.float16)


def test_weights_that_no_single_gpu_holds_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = load(folder)
    monkeypatch.setattr(gpu, "free_bytes", lambda device: 1000 if device == "cuda" else 10**12)
    with pytest.raises(UnsupportedModelError, match=r"“tiny” need .* GB free; one GPU must hold them all"):
        decoder.to("cuda")
