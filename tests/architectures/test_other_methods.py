"""Every tuner trains what it planned on every architecture, or is refused when planned."""

from pathlib import Path
from typing import Any

import pytest

from ftctl.errors import ConfigInvalid
from ftctl.plugin.offer import load
from ftctl_adapters.modeling.batch import collate
from ftctl_adapters.modeling.intake import model_shape
from ftctl_adapters.modeling.load import load_base
from ftctl_adapters.modeling.loss import token_losses
from ftctl_adapters.modeling.view import make_view
from ftctl_plugins.tuners.manifest import ftctl_offers
from tests.architectures.refused_methods import REFUSED
from tests.architectures.test_matrix import rows
from tests.architectures.tiny_models import ARCHITECTURES, make_model

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy

OFFERS = {offer.name: offer for offer in ftctl_offers()}
SETTINGS: dict[str, dict[str, Any]] = {
    "full": {},
    "lora": {"rank": 4},
    "adapter": {"bottleneck_size": 4},
    "freeze": {"trainable_layers": 1},
    "ia3": {},
    "prefix": {"num_virtual_tokens": 3},
    "prompt": {"num_virtual_tokens": 3},
    "p-tuning": {"num_virtual_tokens": 3, "encoder_hidden_size": 8},
}
COMMON = ("Llama", "Qwen3", "Mistral", "Gemma 3 text", "GPT-2", "Phi-3")
"""Checked in CI; the others at night."""


@pytest.fixture(
    scope="module",
    params=[name if name in COMMON else pytest.param(name, marks=pytest.mark.nightly) for name in ARCHITECTURES],
)
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("model")
    make_model(request.param).save_pretrained(folder)
    return request.param, folder


@pytest.mark.parametrize("use", SETTINGS)
def test_it_trains_what_it_planned_or_is_refused(stored: tuple[str, Path], use: str) -> None:
    name, folder = stored
    offer = OFFERS[use]
    tuner = load(offer.factory)(load(offer.options)(**SETTINGS[use]))
    shape = model_shape(make_view(folder))
    if name in REFUSED.get(use, ()):
        with pytest.raises(ConfigInvalid, match=r"tuner\."):
            tuner.plan(shape, 100)
        return
    planned = tuner.plan(shape, 100).trained_parameters
    model = tuner.adapt(load_base(str(folder), False))
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert sum(parameter.numel() for parameter in trained.values()) == planned
    losses, _ = token_losses(model, collate(rows(), 0))
    losses.mean().backward()
    assert torch.isfinite(losses).all()
    untouched = [name for name, parameter in trained.items() if parameter.grad is None]
    assert all("e_score_correction_bias" in name for name in untouched), untouched
