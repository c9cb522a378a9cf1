"""Save and load checkpoints: complete or absent, no pickle, enough for an exact resume."""

import json
import shutil
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from ftctl.domain.codec import from_plain, to_plain
from ftctl.faults import fault
from ftctl_adapters.store.commit import commit_folder, entries, is_whole
from ftctl_adapters.training.snapshot import Snapshot

STATE = "trainer_state.json"
TENSORS = {"tensors": "trained.safetensors", "moments": "optimizer.safetensors", "rng": "rng.safetensors"}
"""The files of a snapshot's tensors."""


@frozen
class Logged:
    """Log record of a step: its loss and learning rate, or the validation loss after it."""

    step: int
    loss: float | None = None
    learning_rate: float | None = None
    validation_loss: float | None = None


@define
class TrainState:
    """Counters of a training run. ``step`` counts optimizer steps done; losses are means per unit of the objective.

    ``batches_a_step`` is over all processes, and stays what it was when training began. The first loss is that before
    training, of a few batches, the smoothed one a running mean; ``gained_loss`` is the last validation loss that early
    stopping took for an improvement.
    """

    step: int = 0
    batches_a_step: int = 1
    best_loss: float | None = None
    best_step: int = 0
    evaluations_without_gain: int = 0
    gained_loss: float | None = None
    first_loss: float | None = None
    smoothed_loss: float | None = None
    history: list[Logged] = field(factory=list)


def save_checkpoint(root: Path, state: TrainState, snapshot: Snapshot, spec: str) -> Path:
    """Commit ``checkpoint-{step}``: trained tensors, optimizer state, random states and counters.

    Args:
        root: where checkpoints lie.
        state: counters.
        snapshot: of the engine.
        spec: digest of everything the run depends on; another one cannot resume from it.
    """
    from safetensors.torch import save_file

    folder = root / f".draft-{state.step}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for part, name in TENSORS.items():
        save_file(getattr(snapshot, part), folder / name)
    document = {
        "spec": spec,
        "state": to_plain(state),
        "python_rng": snapshot.python_rng,
        "optimizer": snapshot.numbers,
        "scaler": snapshot.scaler,
    }
    (folder / STATE).write_text(json.dumps(document), encoding="utf-8")
    fault("train.checkpoint.before_commit")
    target = checkpoint_path(root, state.step)
    commit_folder(folder, target, {"files": to_plain(entries(folder))})
    fault("train.checkpoint.after_commit")
    return target


def newest_checkpoint(root: Path, spec: str) -> Path | None:
    """Return the latest complete checkpoint of this run, and remove leftovers of a crash."""
    for draft in root.glob(".draft-*"):
        shutil.rmtree(draft, ignore_errors=True)
    return next((path for step in reversed(_steps(root)) if usable(path := checkpoint_path(root, step), spec)), None)


def checkpoint_path(root: Path, step: int) -> Path:
    """Return the folder of a step's checkpoint."""
    return root / f"checkpoint-{step}"


def usable(folder: Path, spec: str) -> bool:
    """Return True if the checkpoint is complete and was written by this run spec."""
    if not is_whole(folder):
        return False
    document = json.loads((folder / STATE).read_text(encoding="utf-8"))
    return bool(document.get("spec") == spec)


def _steps(root: Path) -> list[int]:
    names = [path.name.removeprefix("checkpoint-") for path in root.glob("checkpoint-*")]
    return sorted(int(name) for name in names if name.isdecimal())


def load_checkpoint(folder: Path) -> tuple[TrainState, Snapshot]:
    """Return the counters, and the state of the engine."""
    from safetensors.torch import load_file

    document: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
    files = {part: load_file(folder / name) for part, name in TENSORS.items()}
    numbers, scaler, python = (document[key] for key in ("optimizer", "scaler", "python_rng"))
    snapshot = Snapshot(**files, numbers=numbers, scaler=scaler, python_rng=python)
    return from_plain(document["state"], TrainState), snapshot


def load_tensors(folder: Path) -> dict[str, Any]:
    """Return the trained tensors."""
    from safetensors.torch import load_file

    tensors: dict[str, Any] = load_file(folder / TENSORS["tensors"])
    return tensors


def drop_old(root: Path, keep: int, best_step: int) -> None:
    """Remove all but the newest ``keep`` checkpoints and the best one."""
    for step in _steps(root)[:-keep]:
        if step != best_step:
            shutil.rmtree(checkpoint_path(root, step))
