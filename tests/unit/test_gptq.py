"""GPTQ refuses early what it cannot do."""

from pathlib import Path

import pytest

from ftctl.domain.resources import ModelShape
from ftctl.ports import Compressor
from ftctl_adapters.environments import nvidia
from ftctl_plugins.compressors.auto_gptq import AutoGptqCompressor, AutoGptqOptions
from ftctl_plugins.compressors.awq import AwqCompressor, AwqOptions
from ftctl_plugins.compressors.gptq import GptqCompressor, GptqOptions, group_size


def shape(*columns: int) -> ModelShape:
    tensors = {f"layers.{n}.weight": (8, width) for n, width in enumerate(columns)}
    return ModelShape("x", 1, 1, 1, 1, 1, 1, "float32", {**tensors, "embed.weight": (9, 7), "lm_head.weight": (9, 7)})


def test_the_usual_group_size_is_taken_where_it_divides_every_layer() -> None:
    assert group_size({256, 512}, (128, 64, 32)) == 128
    assert group_size({192, 576}, (128, 64, 32)) == 64
    assert group_size({100}, (128, 64, 32)) is None


def test_a_group_size_that_does_not_divide_is_refused_with_the_widths() -> None:
    assert GptqCompressor(GptqOptions()).supports(shape(192, 576)).reasons == ()
    assert GptqCompressor(GptqOptions(group_size=128)).supports(shape(192, 256)).reasons == (
        "no group size of 128 divides layers of 192, 256 columns",
    )
    assert "100" in GptqCompressor(GptqOptions()).supports(shape(100)).reasons[0]
    assert GptqCompressor(GptqOptions()).supports(shape()).reasons == ("the model has no linear layers to quantise",)


@pytest.mark.parametrize("compressor", [AwqCompressor(AwqOptions()), AutoGptqCompressor(AutoGptqOptions())])
def test_what_needs_a_gpu_is_refused_without_one(
    compressor: Compressor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvidia, "DRIVER", tmp_path / "no-driver")
    assert "needs an NVIDIA GPU" in compressor.supports(shape(128, 256)).reasons[0]
    monkeypatch.setattr(nvidia, "DRIVER", tmp_path)
    assert compressor.supports(shape(128, 256)).reasons == ()
    assert "no group size of 128" in compressor.supports(shape(192)).reasons[0]
