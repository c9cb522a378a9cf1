"""A merged model is held against base and adapter before it is kept."""

import json
from pathlib import Path

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Example, Message
from ftctl.errors import GateRefused, ModelUnsafe
from ftctl_adapters.modeling.load import load_base, load_whole
from ftctl_adapters.modeling.merge import merge_adapter
from ftctl_adapters.modeling.merge_check import logits_at_ends
from tests.contract.models import adapted

pytestmark = pytest.mark.heavy
ROWS = [Example(f"r:{n}", (Message("user", f"{n} and {n}"), Message("assistant", f"{2 * n}!"))) for n in range(40)]


def test_the_check_is_told_with_the_model(tmp_path: Path) -> None:
    check = merge_adapter(adapted(tmp_path), tmp_path / "out", ROWS)
    assert (check.prompts, check.places) == (32, 256)
    assert check.top1_agreement >= 0.99
    assert 0 < check.max_difference < 0.5
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == "bfloat16"


def test_nothing_but_weights_is_rounded_when_it_is_compared(tmp_path: Path) -> None:
    """Rotary frequencies are no weights; in bfloat16 they turn long prompts into others."""
    words = " ".join(f"{n} and" for n in range(300))
    rows = [Example(f"r:{n}", (Message("user", f"{n} {words}"), Message("assistant", f"{n}!"))) for n in range(4)]
    check = merge_adapter(adapted(tmp_path, scale=0.0), tmp_path / "out", rows)
    assert check.max_difference == 0.0
    assert check.top1_agreement == 1.0


def test_without_rows_general_questions_are_compared(tmp_path: Path) -> None:
    assert merge_adapter(adapted(tmp_path), tmp_path / "out").prompts == 3


def test_a_merge_that_chooses_other_tokens_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it would be when the update is lost, or added twice."""
    from peft.tuners.lora.layer import Linear

    adapter = adapted(tmp_path, scale=0.2)
    monkeypatch.setattr(Linear, "get_delta_weight", lambda self, name: self.weight.new_zeros(self.weight.shape))
    with pytest.raises(GateRefused, match="chooses the same token at"):
        merge_adapter(adapter, tmp_path / "out", ROWS)
    assert not (tmp_path / "out" / "model.safetensors").exists()


QUIET = pytest.mark.filterwarnings(
    "ignore:Model has .tie_word_embeddings=True.",
    "ignore:Setting .save_embedding_layers.",
    "ignore:Input and output embeddings are no longer tied",
)


def shifted(adapter: Artifact) -> Artifact:
    """The adapter, every tensor of it changed."""
    from safetensors.torch import load_file, save_file

    path = Path(adapter.path, "adapter_model.safetensors")
    save_file({name: tensor + 0.1 for name, tensor in load_file(path).items()}, path, metadata={"format": "pt"})
    return adapter


@QUIET
@pytest.mark.parametrize("module", ["lm_head", "embed_tokens"])
def test_an_update_of_embedding_or_head_that_are_one_tensor_is_refused(tmp_path: Path, module: str) -> None:
    with pytest.raises(ModelUnsafe, match="one tensor in its base"):
        merge_adapter(shifted(adapted(tmp_path, target_modules=[module])), tmp_path / "out", ROWS)


@QUIET
@pytest.mark.parametrize("module", ["lm_head", "embed_tokens"])
def test_a_module_that_was_trained_whole_becomes_a_tensor_of_its_own(tmp_path: Path, module: str) -> None:
    adapter = shifted(adapted(tmp_path, modules_to_save=[module]))
    assert merge_adapter(adapter, tmp_path / "out", ROWS).top1_agreement == 1.0
    assert json.loads((tmp_path / "out" / "config.json").read_text())["tie_word_embeddings"] is False
    rows = [[5 + (7 * n) % 900 for n in range(40)]]
    alone = logits_at_ends(load_whole(adapter, bf16=False), rows)
    saved = logits_at_ends(load_base(str(tmp_path / "out"), False).eval(), rows)
    assert float((alone - saved).abs().max()) < 0.01


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    adapter = adapted(tmp_path)
    path = Path(adapter.path, "adapter_model.safetensors")
    tensors = load_file(path)
    next(iter(tensors.values()))[0, 0] = float("nan")
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelUnsafe, match="cannot be merged"):
        merge_adapter(adapter, tmp_path / "out", ROWS)
