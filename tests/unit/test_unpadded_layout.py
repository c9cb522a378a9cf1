"""Sequences without padding, and frozen weights in another layout, give what padded ones and plain weights give."""

from typing import Any

import pytest

from ftctl.domain.encoded import IGNORED, Encoded
from ftctl_adapters.kernels.block_attention import BlockAttention
from ftctl_adapters.kernels.frozen_weight import FrozenWeight, frozen_weight, lay_out_frozen
from ftctl_adapters.kernels.head_loss import head_losses
from ftctl_adapters.kernels.patching import install
from ftctl_adapters.kernels.self_attention import takes_layouts
from ftctl_adapters.kernels.unpadded_layout import lay_out_rows
from ftctl_adapters.modeling.batch import collate
from ftctl_adapters.modeling.loss import ordinary, token_losses
from ftctl_plugins.tuners.lora import LoraOptions, LoraTuner

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy

SMALL = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "pad_token_id": 0,
}


def made(architecture: str, dtype: Any = None, **changed: Any) -> Any:
    """A small random model under LoRA whose adapters do something; the same at every call."""
    import transformers

    torch.manual_seed(5)
    config = getattr(transformers, f"{architecture}Config")(**{**SMALL, **changed})
    base = getattr(transformers, f"{architecture}ForCausalLM")(config).to(dtype or torch.float32)
    model = LoraTuner(LoraOptions(rank=4)).adapt(base)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    return model.train()


def sequence(length: int, trained: list[tuple[int, int]], starts: tuple[int, ...] = (0,)) -> Encoded:
    """Tokens of which those between the given places are trained."""
    ids = tuple(1 + (7 * place + length) % 60 for place in range(length))
    wanted = {place for first, end in trained for place in range(first, end)}
    labels = tuple(token if place in wanted else IGNORED for place, token in enumerate(ids))
    return Encoded("test", ids, labels, starts)


BATCHES = {
    "answers in the middle, and questions behind them": [sequence(40, [(5, 9), (20, 26)]), sequence(33, [(30, 33)])],
    "lengths far apart": [sequence(200, [(150, 190)]), sequence(20, [(4, 20)]), sequence(130, [(2, 130)])],
    "a row that trains nothing": [sequence(30, []), sequence(30, [(9, 12)])],
    "several texts in a row": [sequence(60, [(3, 10), (25, 30), (50, 55)], (0, 20, 45)), sequence(17, [(1, 17)])],
    "longer than scores are kept for": [sequence(1100, [(1050, 1090)]), sequence(40, [(5, 40)])],
}


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("architecture", ["Qwen2", "Qwen3", "Llama", "Mistral"])
def test_losses_and_gradients_are_those_of_plain_modules(architecture: str, name: str) -> None:
    changed = {"sliding_window": None, "use_sliding_window": False} if architecture != "Llama" else {}
    plain, fast = made(architecture, **changed), made(architecture, **changed)
    assert install(fast)["self_attention"] == 2
    batch = collate(BATCHES[name], 0)
    wanted, found = token_losses(plain, batch)[0], token_losses(fast, batch)[0]
    assert torch.allclose(found, wanted, atol=1e-4)
    weights = torch.linspace(0.5, 1.5, len(wanted))
    for losses in (wanted, found):
        (losses * weights).sum().backward()
    slow = {key: value.grad for key, value in plain.named_parameters() if value.grad is not None}
    assert len(slow) == 28
    for key, value in fast.named_parameters():
        if key in slow:
            assert torch.allclose(value.grad, slow[key], rtol=1e-3, atol=1e-4 * float(slow[key].abs().max())), key


def test_layers_see_no_padding_and_nothing_behind_the_last_answer() -> None:
    model = made("Qwen2")
    install(model)
    assert not ordinary(model), "found out before layers are watched"
    seen: list[int] = []
    first = model.get_base_model().model.layers[0]
    first.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[1]))
    token_losses(model, collate(BATCHES["lengths far apart"], 0))
    # 189 + 19 + 129 tokens have an answer before them, and products like sixteens
    assert seen == [352]


def test_a_layout_tells_where_everything_went() -> None:
    batch = collate(BATCHES["several texts in a row"], 0)
    asked = torch.tensor([2, 8, 24, 28, 54, 64 + 0, 64 + 15])
    layout, ids, positions = lay_out_rows(batch.ids, batch.positions, asked)
    kept = [*range(9), *range(20, 29), *range(45, 55), *range(64, 80)]
    assert ids[0, : len(kept)].tolist() == batch.ids.reshape(-1)[kept].tolist()
    assert positions[0, : len(kept)].tolist() == [*range(9), *range(9), *range(10), *range(16)]
    assert ids.shape == (1, layout.tokens) == (1, 48)
    assert [kept[place] for place in layout.asked.tolist()] == asked.tolist()
    runs = sorted(run for group in layout.groups for run in group.runs)
    assert runs == [(0, 9), (9, 9), (18, 10), (28, 16)]


def test_windows_are_left_to_the_plain_modules() -> None:
    model = made("Mistral", sliding_window=16)
    assert "self_attention" not in install(model)
    assert not takes_layouts(model.get_base_model().model)
    dynamic = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    assert "self_attention" not in install(made("Llama", rope_parameters=dynamic))
    plain, batch = made("Mistral", sliding_window=16), collate([sequence(60, [(40, 60)])], 0)
    assert torch.allclose(token_losses(model, batch)[0], token_losses(plain, batch)[0], atol=1e-4)


def test_queries_may_be_fewer_than_keys_and_values_narrower() -> None:
    torch.manual_seed(1)
    shapes = (2, 4, 3, 8), (2, 2, 9, 8), (2, 2, 9, 5)
    query, key, value = (torch.randn(shape, requires_grad=True) for shape in shapes)
    seen = torch.tensor([[1, 4, 8], [0, 2, 0]])
    found = BlockAttention.apply(query, key, value, seen)
    mask = (torch.arange(9) <= seen[:, :, None])[:, None]
    attention = torch.nn.functional.scaled_dot_product_attention
    expected = attention(query, key, value, attn_mask=mask, scale=1.0, enable_gqa=True)
    assert torch.allclose(found, expected, atol=1e-5)
    weight = torch.randn_like(expected)
    got = torch.autograd.grad((found * weight).sum(), (query, key, value))
    wanted = torch.autograd.grad((expected * weight).sum(), (query, key, value))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(got, wanted, strict=True))


needs_bf16 = pytest.mark.skipif(not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="no bfloat16 products here")


@needs_bf16
def test_frozen_weights_in_another_layout_give_the_same_losses_and_gradients() -> None:
    plain, fast = made("Qwen2", torch.bfloat16), made("Qwen2", torch.bfloat16)
    assert "frozen_weight" not in install(plain, whole=False)
    assert install(fast)["frozen_weight"] == 15
    batch = collate(BATCHES["lengths far apart"], 0)
    found = []
    for model in (plain, fast):
        losses = token_losses(model, batch)[0]
        losses.sum().backward()
        found.append([losses, *(one.grad for one in model.parameters() if one.grad is not None)])
    assert len(found[0]) == 29
    for wanted, got in zip(*found, strict=True):
        assert torch.allclose(got, wanted, rtol=0.05, atol=0.02 * float(wanted.detach().abs().max()))


@needs_bf16
@pytest.mark.parametrize("rows", [16, 48, 333])
def test_products_with_laid_out_weights_are_the_same_to_the_last_bit(rows: int) -> None:
    torch.manual_seed(2)
    layer = torch.nn.Linear(64, 96).to(torch.bfloat16).requires_grad_(False)
    assert lay_out_frozen([layer]) == 1
    laid, plain = frozen_weight(layer), FrozenWeight(layer.weight)
    assert laid.onward is not None
    x, grad = torch.randn(rows, 64).to(torch.bfloat16), torch.randn(rows, 96).to(torch.bfloat16)
    assert torch.equal(laid.product(x, layer.bias), plain.product(x, layer.bias))
    assert torch.equal(laid.gradient(grad), plain.gradient(grad))
    into = torch.randn(rows, 64).to(torch.bfloat16)
    assert torch.allclose(laid.gradient(grad, into.clone()), plain.gradient(grad, into.clone()), rtol=0.02, atol=0.02)


@needs_bf16
def test_a_weight_that_changed_after_all_is_used_as_it_is() -> None:
    layer = torch.nn.Linear(32, 48, bias=False).to(torch.bfloat16).requires_grad_(False)
    assert lay_out_frozen([layer]) == 1
    assert frozen_weight(layer).onward is not None
    layer.weight.mul_(2)
    assert frozen_weight(layer).onward is None
    x = torch.ones(4, 32, dtype=torch.bfloat16)
    assert torch.equal(frozen_weight(layer).product(x), layer(x))
    assert lay_out_frozen([layer]) == 1
    layer.weight.requires_grad_(True)
    assert frozen_weight(layer).w.requires_grad


@needs_bf16
def test_only_frozen_weights_in_bfloat16_are_laid_out_and_no_more_than_is_allowed() -> None:
    layers = [torch.nn.Linear(32, 48, bias=False).to(torch.bfloat16).requires_grad_(False) for _ in range(3)]
    assert lay_out_frozen(layers, budget=2 * 2 * 32 * 48 * 2) == 2
    assert [frozen_weight(layer).onward is not None for layer in layers] == [True, True, False]
    trained, wide = torch.nn.Linear(32, 48).to(torch.bfloat16), torch.nn.Linear(32, 48).requires_grad_(False)
    assert lay_out_frozen([trained, wide]) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_target_of_no_probability_has_a_loss_all_the_same(dtype: Any) -> None:
    hidden = torch.eye(3, dtype=dtype) * 20
    weight = torch.tensor([[20.0, 0, 0], [-20, 1, 0], [0, -20, 1], [0, 0, 0]], dtype=dtype)
    targets = torch.tensor([1, 2, 3])
    expected = torch.nn.functional.cross_entropy((hidden @ weight.t()).float(), targets, reduction="none")
    assert expected[0] > 700
    found = head_losses(hidden.requires_grad_(), FrozenWeight(weight), targets)
    assert torch.allclose(found, expected, rtol=1e-2)
    assert torch.allclose(head_losses(hidden.detach(), FrozenWeight(weight), targets), expected, rtol=1e-2)
