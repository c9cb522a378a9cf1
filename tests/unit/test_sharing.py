"""Several evaluators that ask the same share what was answered."""

from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.example import Example, Message
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.stage import recording
from ftctl.testing.fakes import FakeTarget
from ftctl.worker.answer_store import AnswerStore
from ftctl.worker.cached_target import CachedTarget
from ftctl_adapters.bootstrap import build_registry

pytest.importorskip("sacrebleu")
SUITES: dict[str, dict[str, Any]] = {
    "text-metrics": {},
    "diversity": {},
    "shift": {"fewest": 5},
    "pii": {},
    "calibrate": {},
    "robust": {"kinds": ["filler"]},
}
DATA = [Example(f"s:{n}", (Message("user", f"double {n}"), Message("assistant", str(2 * n)))) for n in range(1, 41)]


def asked(names: list[str], folder: Path) -> int:
    """How many questions reach the model when these are measured together."""
    context, target, registry = recording(folder), FakeTarget(), build_registry()
    remembered = CachedTarget(target, AnswerStore(context.work, "answers"), context)
    for name in names:
        make(registry.find("evaluator", name), SUITES[name]).evaluate(remembered, DATA, context)  # type: ignore[arg-type]
    return target.asked


def test_six_suites_together_ask_less_than_half_of_what_each_asks_alone(tmp_path: Path) -> None:
    alone = sum(asked([name], tmp_path / name) for name in SUITES)
    together = asked(list(SUITES), tmp_path / "together")
    assert together <= 0.5 * alone
    assert together == 2 * len(DATA), "each question once, and once with a filler"
