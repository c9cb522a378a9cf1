"""Every kernel computes what the plain modules compute, values and gradients alike."""

import copy
import math
from typing import Any

import pytest

from ftctl_adapters.kernels.patching import install
from ftctl_adapters.kernels.row_gather import rounded
from ftctl_adapters.modeling.batch import collate
from ftctl_adapters.modeling.load import load_base
from ftctl_adapters.modeling.loss import ordinary, token_losses
from ftctl_plugins.tuners.lora import LoraOptions, LoraTuner
from tests.unit.losses import summed_loss
from tests.unit.test_training import TINY, rows

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy


def tuned(**changed: Any) -> Any:
    """A LoRA model whose adapters do something: PEFT starts them at zero."""
    torch.manual_seed(3)
    model = LoraTuner(LoraOptions(**{"rank": 4, "bf16": False, **changed})).adapt(load_base(TINY, False))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05)
    return model.train()


def reference_loss(model: Any, batch: Any) -> Any:
    """The sum of the losses as plain transformers computes them, mask and whole logits included."""
    output = model(input_ids=batch.ids, attention_mask=batch.mask, labels=batch.labels)
    return output.loss * batch.trained


def gradients(model: Any, loss: Any) -> dict[str, Any]:
    loss.backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def test_a_lora_model_has_the_plain_modules_loss_and_gradients() -> None:
    plain, fast = tuned(), tuned()
    expected_kernels = {"projection": 28, "gated_mlp": 4, "rms_norm": 9, "attention": 1}
    assert install(fast) == {**expected_kernels, "last_layer": 1, "self_attention": 4}
    batch = collate(rows(7), 0)
    expected, found = reference_loss(plain, batch), summed_loss(fast, batch)
    assert math.isclose(float(found.detach()), float(expected.detach()), rel_tol=1e-5)
    wanted, got = gradients(plain, expected), gradients(fast, found)
    assert wanted.keys() == got.keys()
    for name, gradient in wanted.items():
        assert torch.allclose(got[name], gradient, rtol=1e-3, atol=1e-4 * float(gradient.abs().max())), name


def test_a_model_trained_whole_has_them_too_the_tied_head_included() -> None:
    plain = load_base(TINY, False).train()
    fast = copy.deepcopy(plain)
    assert install(fast) == {"rms_norm": 9, "attention": 1, "last_layer": 1, "self_attention": 4}
    batch = collate(rows(5), 0)
    wanted = gradients(plain, reference_loss(plain, batch))
    got = gradients(fast, summed_loss(fast, batch))
    assert wanted.keys() == got.keys()
    for name, gradient in wanted.items():
        assert torch.allclose(got[name], gradient, rtol=1e-3, atol=1e-4 * float(gradient.abs().max())), name


def test_the_last_layer_sees_asked_positions_alone() -> None:
    model = tuned()
    install(model)
    batch = collate(rows(7), 0)
    assert not ordinary(model)
    seen = []
    mlps = [layer.mlp for layer in model.get_base_model().model.layers]
    for mlp in mlps:
        mlp.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[-2] * given[0].shape[0]))
    token_losses(model, batch)
    trained = (batch.labels != -100).nonzero()
    needed = sum(int(trained[trained[:, 0] == row, 1].max()) for row in range(len(batch.ids)))
    assert seen == [rounded(needed)] * (len(mlps) - 1) + [rounded(batch.trained)]
    assert rounded(batch.trained) < rounded(needed) < batch.ids.numel()


def test_losses_can_be_weighed_one_by_one() -> None:
    model = load_base(TINY, False).train()
    batch = collate(rows(3), 0)
    losses, _ = token_losses(model, batch)
    weights = torch.linspace(-1, 1, len(losses))
    got = {name: grad.clone() for name, grad in gradients(model, (losses * weights).sum()).items()}
    model.zero_grad()
    logits = model(input_ids=batch.ids).logits[:, :-1]
    targets = batch.labels[:, 1:]
    plain = torch.nn.functional.cross_entropy(logits[targets != -100], targets[targets != -100], reduction="none")
    wanted = gradients(model, (plain * weights).sum())
    for name in ("model.norm.weight", "model.embed_tokens.weight"):
        assert torch.allclose(got[name], wanted[name], rtol=1e-3, atol=1e-5), name


@pytest.mark.parametrize("length", [5, 128, 129, 300])
def test_short_attention_is_attention(length: int) -> None:
    from ftctl_adapters.kernels.attention import attend

    torch.manual_seed(0)
    made = [torch.randn(2, heads, length, 16, requires_grad=True) for heads in (6, 2, 2)]
    found, _ = attend(None, *made, None)
    expected = torch.nn.functional.scaled_dot_product_attention(*made, is_causal=True, enable_gqa=True).transpose(1, 2)
    assert torch.allclose(found, expected, atol=1e-5)
    mask = torch.ones(length, length, dtype=torch.bool).tril()[None, None]
    assert torch.allclose(attend(None, *made, mask)[0], expected, atol=1e-5)
    weight = torch.randn_like(expected)
    got = torch.autograd.grad((found * weight).sum(), made)
    wanted = torch.autograd.grad((expected * weight).sum(), made)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(got, wanted, strict=True))


@pytest.mark.parametrize("changed", [{"lora_dropout": 0.1}])
def test_what_a_kernel_cannot_compute_is_left_to_the_module(changed: dict[str, Any]) -> None:
    model = tuned(**changed)
    assert "projection" not in install(model)


def test_an_adapter_that_is_switched_off_is_off() -> None:
    model = tuned().eval()
    batch = collate(rows(3), 0)
    with torch.inference_mode(), model.disable_adapter():
        expected = model(input_ids=batch.ids).logits
    install(model)
    with torch.inference_mode(), model.disable_adapter():
        found = model(input_ids=batch.ids).logits
    assert torch.allclose(found, expected, atol=1e-3)


def test_lengths_are_rounded_up_and_padding_is_never_trained() -> None:
    batch = collate(rows(5), 0)
    assert batch.ids.shape[1] % 16 == 0
    assert int((batch.labels != -100)[batch.mask == 0].sum()) == 0


def test_with_layers_computed_again_the_gradients_are_the_same() -> None:
    from ftctl_adapters.training.training_setup import keep_less

    plain, less = tuned(), tuned()
    install(plain)
    install(less)
    keep_less(less)
    batch = collate(rows(7), 0)
    wanted, got = gradients(plain, summed_loss(plain, batch)), gradients(less, summed_loss(less, batch))
    assert wanted.keys() == got.keys()
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)


def test_without_a_trained_token_there_is_no_loss() -> None:
    model = tuned()
    install(model)
    batch = collate(rows(2), 0)
    batch.labels.fill_(-100)
    losses, _ = token_losses(model, batch)
    assert losses.shape == (0,)
    with torch.no_grad():
        assert token_losses(model, batch)[0].shape == (0,)
