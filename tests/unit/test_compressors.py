"""What compressors do to weights, and what they refuse before they touch any."""

from typing import Any

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Example, Message
from ftctl.domain.format import HF
from ftctl.domain.resources import ModelShape
from ftctl.errors import ConfigInvalid, NoUsableRows
from ftctl.ports.context import StageContext
from ftctl_adapters.modeling.load import load_base
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_plugins.compressors.low_rank import LowRankCompressor, LowRankOptions, truncate
from ftctl_plugins.compressors.onnx import OnnxCompressor, OnnxOptions
from ftctl_plugins.compressors.prune import PruneCompressor, PruneOptions, zero_least

TINY = str(BUILTIN["builtin:tiny"])
ROWS = [Example(f"r:{n}", (Message("user", f"{n} and {n}"), Message("assistant", f"{2 * n}!"))) for n in range(8)]


def shape(*columns: int, architecture: str = "Qwen2ForCausalLM") -> ModelShape:
    tensors = {f"layers.{n}.weight": (8, width) for n, width in enumerate(columns)}
    return ModelShape(architecture, 1, 1, 1, 1, 1, 1, "float32", tensors)


def linear(folder: Any) -> list[Any]:
    from ftctl_adapters.modeling.linear_layers import linear_layers

    return [layer.weight for layer in linear_layers(load_base(str(folder), None)).values()]


@pytest.mark.heavy
@pytest.mark.parametrize("method", ["wanda", "magnitude"])
@pytest.mark.parametrize(("pattern", "sparsity"), [("unstructured", 0.3), ("2:4", 0.5)])
def test_pruned_weights_are_zero_in_the_share_that_was_asked_for(
    context: StageContext, method: str, pattern: str, sparsity: float
) -> None:
    options = PruneOptions(method=method, pattern=pattern, sparsity=sparsity)
    draft = PruneCompressor(options).compress(Artifact("model", HF, "m", TINY), ROWS, context)
    assert draft.format == HF
    assert draft.facts["compression"]["sparsity"] == pytest.approx(sparsity, abs=0.01)
    for before, after in zip(linear(TINY), linear(context.out), strict=True):
        zeros = after == 0
        assert zeros.float().mean() == pytest.approx(sparsity, abs=0.02)
        assert bool((before[~zeros] == after[~zeros]).all())
        if pattern == "2:4":
            assert bool((zeros.view(-1, 4).sum(dim=1) >= 2).all())
    for name in ("tokenizer.json", "chat_template.jinja", "config.json"):
        assert (context.out / name).exists()


@pytest.mark.heavy
def test_wanda_looks_at_what_comes_in_and_magnitude_does_not() -> None:
    import torch

    weight = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    zero_least(weight, torch.tensor([100.0, 1.0, 1.0, 1.0]), 0.5, "unstructured")
    assert weight.tolist() == [[1.0, 0.0, 0.0, 4.0]]
    weight = torch.tensor([[1.0, -2.0, 3.0, 4.0]])
    zero_least(weight, None, 0.5, "unstructured")
    assert weight.tolist() == [[0.0, 0.0, 3.0, 4.0]]


@pytest.mark.heavy
def test_a_truncated_layer_has_the_rank_and_is_the_nearest_of_it() -> None:
    import torch

    torch.manual_seed(0)
    weight = torch.randn(12, 9)
    values = torch.linalg.svdvals(weight)
    cut = weight.clone()
    assert truncate(cut, None, None, 4) == 4
    assert torch.linalg.matrix_rank(cut, atol=1e-4) == 4
    assert float((weight - cut).norm()) == pytest.approx(float(values[4:].norm()), rel=1e-4)
    cut = weight.clone()
    kept = truncate(cut, None, 0.9, None)
    assert float(values[:kept].square().sum()) >= 0.9 * float(values.square().sum())
    assert float(values[: kept - 1].square().sum()) < 0.9 * float(values.square().sum())
    whole = weight.clone()
    assert truncate(whole, None, 1.0, None) == 9
    assert torch.allclose(whole, weight, atol=1e-5)
    inputs = torch.randn(200, 9) * torch.tensor([9.0, 9, 9, 1, 1, 1, 1, 1, 1])
    aware, blind = weight.clone(), weight.clone()
    truncate(aware, inputs.square().mean(dim=0).sqrt(), None, 3)
    truncate(blind, None, None, 3)
    assert float((inputs @ (weight - aware).T).norm()) < float((inputs @ (weight - blind).T).norm())


@pytest.mark.heavy
def test_a_low_rank_model_is_whole_and_tells_what_its_factors_would_be(context: StageContext) -> None:
    compressor = LowRankCompressor(LowRankOptions(energy=None, rank=16))
    told = compressor.compress(Artifact("model", HF, "m", TINY), ROWS, context).facts["compression"]
    assert 0 < told["factor_parameters"] < 0.5 * told["linear_parameters"]
    import torch

    assert all(torch.linalg.matrix_rank(weight.float(), rtol=0.01) <= 16 for weight in linear(context.out))


@pytest.mark.heavy
def test_without_rows_there_is_nothing_to_calibrate_on(context: StageContext) -> None:
    with pytest.raises(NoUsableRows, match="calibrate"):
        PruneCompressor(PruneOptions()).compress(Artifact("model", HF, "m", TINY), [], context)


def test_what_cannot_be_done_is_refused_before_any_work() -> None:
    assert PruneCompressor(PruneOptions(pattern="2:4")).supports(shape(8, 12)).reasons == ()
    assert "not 9" in PruneCompressor(PruneOptions(pattern="2:4")).supports(shape(8, 9)).reasons[0]
    assert "no linear layers" in LowRankCompressor(LowRankOptions()).supports(shape()).reasons[0]
    with pytest.raises(ConfigInvalid, match=r"2:4 is a sparsity of 0\.5"):
        PruneCompressor(PruneOptions(pattern="2:4", sparsity=0.7))
    for options in (LowRankOptions(rank=3), LowRankOptions(energy=None)):
        with pytest.raises(ConfigInvalid, match="either energy or rank"):
            LowRankCompressor(options)


def test_the_exporter_refuses_what_its_builder_or_the_processor_cannot_do() -> None:
    assert OnnxCompressor(OnnxOptions()).supports(shape(8)).reasons == ()
    assert (
        "BloomForCausalLM" in OnnxCompressor(OnnxOptions()).supports(shape(architecture="BloomForCausalLM")).reasons[0]
    )
    assert "fp16" in OnnxCompressor(OnnxOptions(precision="fp16")).supports(shape(8)).reasons[0]
    cuda = OnnxOptions(precision="fp16", execution_provider="cuda")
    assert OnnxCompressor(cuda).supports(shape(8)).reasons == ()
