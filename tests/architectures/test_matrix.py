"""Loss, gradients, adapters, packing, scores and answers of tiny random models equal those of plain transformers.

Every model is saved and loaded again on the way. What cannot be exact has to be refused, or told.
"""

import copy
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.encoded import IGNORED, Encoded
from ftctl.errors import ConfigInvalid
from ftctl_adapters.kernels.patching import install
from ftctl_adapters.modeling.batch import collate
from ftctl_adapters.modeling.load import load_base
from ftctl_adapters.modeling.loss import ordinary, token_losses
from ftctl_adapters.modeling.packing_check import refuse_leaks
from ftctl_adapters.modeling.reached_weights import adapted_weights, reached_by
from ftctl_adapters.modeling.scoring import Scorer
from ftctl_adapters.training.training_rows import Rows
from ftctl_plugins.tuners.lora import LoraOptions, LoraTuner
from tests.architectures.tiny_models import ARCHITECTURES, VOCABULARY, make_model

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy

LOSS, GRADIENT, STEPS, RATE = 1e-4, 2e-3, 2, 1e-2


def rows() -> list[Encoded]:
    """Sequences of several lengths, shorter and longer than the windows, half of each trained."""
    made = []
    for number, length in enumerate((5, 12, 23, 17)):
        ids = tuple(3 + (number * 7 + place * 13) % (VOCABULARY - 3) for place in range(length))
        made.append(Encoded(f"r:{number}", ids, (*[IGNORED] * (length // 2), *ids[length // 2 :])))
    return made


def plain_losses(model: Any, sequences: list[Encoded]) -> Any:
    """-log p of every trained token, each sequence alone in transformers' own forward pass."""
    found = []
    for row in sequences:
        logits = model(input_ids=torch.tensor([row.ids]), use_cache=False).logits[0, :-1].float()
        labels = torch.tensor(row.labels)[1:]
        found.append(torch.nn.functional.cross_entropy(logits, labels, reduction="none")[labels != IGNORED])
    return torch.cat(found)


def with_kernels(model: Any) -> Any:
    """The same model as a training has it."""
    fast = copy.deepcopy(model)
    install(fast, head=not ordinary(fast))
    return fast


def adapted(folder: Path) -> Any:
    """LoRA whose update is not nought."""
    torch.manual_seed(3)
    model = LoraTuner(LoraOptions(rank=4)).adapt(load_base(str(folder), False))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    return model


def assert_trains_alike(plain: Any, fast: Any) -> None:
    """Losses and gradients are equal, and so are the losses after steps with either."""
    for _ in range(STEPS):
        expected, (found, _) = plain_losses(plain, rows()), token_losses(fast, collate(rows(), 0))
        assert torch.allclose(found, expected, rtol=0, atol=LOSS * max(1.0, float(expected.detach().max())))
        expected.mean().backward()
        found.mean().backward()
        largest = max(float(p.grad.abs().max()) for p in plain.parameters() if p.grad is not None)
        others = dict(fast.named_parameters())
        for name, parameter in plain.named_parameters():
            if parameter.grad is not None:
                assert torch.allclose(others[name].grad, parameter.grad, rtol=0, atol=GRADIENT * largest), name
        for model in (plain, fast):
            trained = [parameter for parameter in model.parameters() if parameter.grad is not None]
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            torch.optim.SGD(trained, lr=RATE).step()
            model.zero_grad(set_to_none=True)


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Name and folder of a tiny model."""
    folder = tmp_path_factory.mktemp("model")
    make_model(request.param).save_pretrained(folder)
    return request.param, folder


def test_it_trains_and_scores_as_plain_transformers(stored: Any) -> None:
    _, folder = stored
    plain = load_base(str(folder), False).requires_grad_(True)
    with torch.no_grad():
        each = plain_losses(plain, rows()).split([row.trained for row in rows()])
    scores = Scorer(copy.deepcopy(plain), 0).score(rows())
    assert scores == pytest.approx([-float(losses.sum()) for losses in each], rel=1e-4, abs=1e-3)
    assert_trains_alike(plain, with_kernels(plain))


def test_an_adapter_trains_as_in_plain_peft_and_merges(stored: Any) -> None:
    name, folder = stored
    plain = adapted(folder)
    reached = reached_by(plain, adapted_weights(plain))
    assert round(reached.share, 2) == ARCHITECTURES[name].reached, reached.passed_over
    assert_trains_alike(plain, with_kernels(plain))
    with torch.no_grad():
        expected = plain_losses(plain, rows())
        merged = plain_losses(plain.merge_and_unload(), rows())
    assert torch.allclose(merged, expected, atol=5e-3)


def test_packed_texts_are_apart_or_packing_is_refused(stored: Any) -> None:
    name, folder = stored
    model = with_kernels(load_base(str(folder), False))
    if not ARCHITECTURES[name].packs:
        with pytest.raises(ConfigInvalid, match="does not keep packed texts apart"):
            refuse_leaks(model, 0)
        return
    refuse_leaks(model, 0)
    packed = Rows.of([(row,) for row in rows()]).packed(64, separate=True)
    with torch.no_grad():
        alone = plain_losses(load_base(str(folder), False), rows())
        found = torch.cat([token_losses(model, packed.batch([number], 0))[0] for number in range(len(packed))])
    assert torch.allclose(found.sort().values, alone.sort().values, atol=1e-3)
