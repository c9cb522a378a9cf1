"""Killed after any micro-step, training goes on bit-equal to a run that nobody disturbed; and the test would notice.

Real kills (SIGKILL) of child processes that train the tiny model in float32 with dropout, accumulation and three
epochs: 11 rows, one a micro-step, 33 micro-steps (``FTCTL_MATRIX_ROWS=37``, in the nightly session, makes it 111).
Sample ids, learning rates and losses are compared as written down at every step, tensors and moments at the end.
"""

import json
import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftctl_adapters.training import trainer as engine
from tests.unit.test_training import trainer, weights

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.heavy, pytest.mark.kills]

ROWS, EPOCHS = int(os.environ.get("FTCTL_MATRIX_ROWS", "11")), 3
MICRO_STEPS = ROWS * EPOCHS
PARTS = 6
"""Tests that share the micro-steps, so that several processes can."""
Change = Callable[[pytest.MonkeyPatch], None]


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["torch", "transformers.models.qwen2.modeling_qwen2", "peft", "tests.unit.test_training"])


def train(folder: Path, kill_after: int | None = None, change: Change | None = None) -> int | None:
    """Trains in a child, which may be killed after a micro-step of its own; its exit code, negative for a signal."""
    folder.mkdir(exist_ok=True)
    child = FORKS.Process(target=_in_child, args=(folder, kill_after, change))
    child.start()
    child.join()
    return child.exitcode


def _in_child(folder: Path, kill_after: int | None, change: Change | None) -> None:
    torch.set_num_threads(1)
    if kill_after is not None:
        os.environ |= {"FTCTL_TEST_BUILD": "1", "FTCTL_FAULT": f"train.micro_step.after@{kill_after}:kill"}
    if change:
        change(pytest.MonkeyPatch())
    _note_every_step(folder / "steps")
    one = trainer(
        folder,
        count=ROWS,
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=2,
        save_steps=3,
        load_best_model_at_end=False,
        eval_steps=1000,
    )
    state = one.run()
    losses = [[entry.step, entry.loss.hex(), entry.learning_rate.hex()] for entry in state.history if entry.loss]
    moments = [dict(one.engine.optimizer.state[p]) for p in one.engine.trained.values()]
    torch.save((losses, weights(one), moments), folder / "end.pt")


def _note_every_step(notes: Path) -> None:
    """Writes down rows and rate of every step; in a child of its own, so that nothing has to be put back."""
    take_step = engine.Trainer._step

    def noted(self: engine.Trainer, group: list[list[int]]) -> None:
        take_step(self, group)
        with notes.open("a") as lines:
            print(self.state.step, json.dumps(group), self.engine.optimizer.param_groups[0]["lr"].hex(), file=lines)

    engine.Trainer._step = noted  # type: ignore[method-assign]


def outcome(folder: Path) -> tuple[dict[int, str], Any]:
    """What every step did, a repeated step as it was done last, and what came out."""
    steps = dict(line.split(" ", 1) for line in (folder / "steps").read_text().splitlines())
    return {int(step): text for step, text in steps.items()}, torch.load(folder / "end.pt", weights_only=False)


def same(one: Any, other: Any) -> bool:
    if torch.is_tensor(one):
        return bool(torch.equal(one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert train(folder) == 0
    steps, end = outcome(folder)
    assert len(steps) == EPOCHS * -(-ROWS // 2)
    return steps, end


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_after_every_micro_step_changes_nothing(tmp_path: Path, expected: Any, part: int) -> None:
    differing = []
    for micro_step in range(1 + part, MICRO_STEPS + 1, PARTS):
        folder = tmp_path / str(micro_step)
        assert train(folder, kill_after=micro_step) == -signal.SIGKILL
        assert train(folder) == 0
        if not same(outcome(folder), expected):
            differing.append(micro_step)
    assert differing == []


def test_two_kills_in_one_epoch_change_nothing(tmp_path: Path, expected: Any) -> None:
    draw = random.Random(4)
    for number in range(4):
        folder = tmp_path / str(number)
        first, second = draw.randint(8, 11), draw.randint(7, 12)
        for kill in (first, second):
            assert train(folder, kill_after=kill) == -signal.SIGKILL
        assert train(folder) == 0
        assert same(outcome(folder), expected)


def _no_random_state(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(torch, "set_rng_state", lambda state: None)


def _order_of_the_first_epoch(patch: pytest.MonkeyPatch) -> None:
    ordered = engine.epoch_steps
    patch.setattr(engine, "epoch_steps", lambda *given: ordered(*given[:-1], 0))


def _rate_from_the_start(patch: pytest.MonkeyPatch) -> None:
    rate, begun = engine.learning_rate, []

    def forgetful(peak: float, kind: str, step: int, total: int, warmup: int) -> float:
        begun.append(step)
        return rate(peak, kind, step - begun[0], total, warmup)

    patch.setattr(engine, "learning_rate", forgetful)


@pytest.mark.parametrize("change", [_no_random_state, _order_of_the_first_epoch, _rate_from_the_start])
def test_whatever_is_not_restored_is_noticed(tmp_path: Path, expected: Any, change: Change) -> None:
    in_the_last_epoch = 2 * ROWS + 8
    assert train(tmp_path, kill_after=in_the_last_epoch) == -signal.SIGKILL
    assert train(tmp_path, change=change) == 0
    assert not same(outcome(tmp_path), expected)
