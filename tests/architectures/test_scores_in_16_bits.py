"""Scores must not depend on their company: in 16 bits rounding hides a state that passes to the next ending."""

import pytest

from ftctl.domain.encoded import IGNORED, Encoded
from ftctl_adapters.modeling.scoring import Scorer
from tests.architectures.tiny_models import make_model

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy

BEGINNING, ENDING = tuple(range(3, 40)), (41, 7, 55, 90, 12, 33)


def row(ending: tuple[int, ...]) -> Encoded:
    return Encoded("", (*BEGINNING, *ending), (*[IGNORED] * len(BEGINNING), *ending))


@pytest.mark.parametrize(("name", "share"), [("Bamba", 0.3), ("Jamba", 0.03), ("Qwen3.5 text", 1.0), ("Llama", 1.0)])
def test_an_ending_is_scored_as_alone_whatever_stands_beside_it(name: str, share: float) -> None:
    """With state-space layers that weigh little, so that scores move by less than rounding may."""
    model = make_model(name)
    with torch.no_grad():
        for path, weight in model.named_parameters():
            if path.endswith("mamba.out_proj.weight"):
                weight.mul_(share)
    model = model.bfloat16()
    beside = [Scorer(model, 0).score([row(other), row(ENDING)])[1] for other in ((8, 9, 10), (70, 71, 72, 73))]
    assert beside[0] == pytest.approx(beside[1], abs=1e-2 * len(ENDING))
    assert beside[0] == pytest.approx(Scorer(model, 0).score([row(ENDING)])[0], abs=0.05 * len(ENDING))
