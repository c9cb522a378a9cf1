"""Checkpoints: whole or absent, no pickle anywhere, enough to go on as if nothing had happened."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from ftctl.domain.codec import from_plain, to_plain
from ftctl.errors import ArtifactCorrupt
from ftctl.faults import fault
from ftctl_adapters.store.commit import commit_folder, entries, is_whole
from ftctl_adapters.training.optimizers import optimizer_state, restore_optimizer

STATE = "trainer_state.json"


@frozen
class Logged:
    """What was reported at a step: the loss and rate of that step, or the validation loss after it."""

    step: int
    loss: float | None = None
    learning_rate: float | None = None
    validation_loss: float | None = None


@define
class TrainState:
    """Counters of a training run. ``step`` counts optimizer steps done; losses are means per unit of the objective.

    The smoothed one is a running mean; ``gained_loss`` is the last validation loss that early stopping took for an
    improvement.
    """

    step: int = 0
    best_loss: float | None = None
    best_step: int = 0
    evaluations_without_gain: int = 0
    gained_loss: float | None = None
    first_loss: float | None = None
    smoothed_loss: float | None = None
    history: list[Logged] = field(factory=list)


def save_checkpoint(
    root: Path, state: TrainState, trained: dict[str, Any], optimizer: Any, scaler: Any, spec: str
) -> Path:
    """Commits ``checkpoint-{step}``: trained tensors, optimizer moments, random state and counters.

    Args:
        root: where checkpoints lie.
        state: counters.
        trained: trained tensors by name.
        optimizer: the torch optimizer.
        scaler: of the loss.
        spec: digest of everything the run depends on; another one cannot resume from it.
    """
    import torch
    from safetensors.torch import save_file

    folder = root / f".draft-{state.step}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file({name: tensor.detach().contiguous() for name, tensor in trained.items()}, folder / "trained.safetensors")
    moments, numbers = optimizer_state(optimizer)
    save_file(moments, folder / "optimizer.safetensors")
    save_file({"cpu": torch.get_rng_state()}, folder / "rng.safetensors")
    document = {
        "spec": spec,
        "state": to_plain(state),
        "python_rng": _python_rng(),
        "optimizer": numbers,
        "scaler": scaler.state_dict(),
    }
    (folder / STATE).write_text(json.dumps(document), encoding="utf-8")
    fault("train.checkpoint.before_commit")
    target = checkpoint_path(root, state.step)
    commit_folder(folder, target, {"files": to_plain(entries(folder))})
    fault("train.checkpoint.after_commit")
    return target


def newest_checkpoint(root: Path, spec: str) -> Path | None:
    """The latest checkpoint that is whole and of this very run; leftovers of a crash are swept away."""
    for draft in root.glob(".draft-*"):
        shutil.rmtree(draft, ignore_errors=True)
    return next((path for step in reversed(_steps(root)) if usable(path := checkpoint_path(root, step), spec)), None)


def checkpoint_path(root: Path, step: int) -> Path:
    return root / f"checkpoint-{step}"


def usable(folder: Path, spec: str) -> bool:
    """Whether a checkpoint is whole and belongs to the run of this spec."""
    if not is_whole(folder):
        return False
    document = json.loads((folder / STATE).read_text(encoding="utf-8"))
    return bool(document.get("spec") == spec)


def _steps(root: Path) -> list[int]:
    names = [path.name.removeprefix("checkpoint-") for path in root.glob("checkpoint-*")]
    return sorted(int(name) for name in names if name.isdecimal())


def load_checkpoint(folder: Path, trained: dict[str, Any], optimizer: Any, scaler: Any) -> TrainState:
    """Puts tensors, moments and random states back and returns the counters."""
    import torch
    from safetensors.torch import load_file

    load_tensors(folder, trained)
    torch.set_rng_state(load_file(folder / "rng.safetensors")["cpu"])
    document = json.loads((folder / STATE).read_text(encoding="utf-8"))
    restore_optimizer(optimizer, load_file(folder / "optimizer.safetensors"), document["optimizer"])
    if scaler.is_enabled():
        scaler.load_state_dict(document["scaler"])
    version, internal, gauss = document["python_rng"]
    random.setstate((version, tuple(internal), gauss))
    return from_plain(document["state"], TrainState)


def load_tensors(folder: Path, trained: dict[str, Any]) -> None:
    """Puts the trained tensors of a checkpoint into the model they came from."""
    import torch
    from safetensors.torch import load_file

    stored = load_file(folder / "trained.safetensors")
    if stored.keys() != trained.keys():
        raise ArtifactCorrupt(f"{folder} holds other tensors than this model trains", next_step="remove that folder")
    with torch.no_grad():
        for name, tensor in trained.items():
            tensor.copy_(stored[name])


def drop_old(root: Path, keep: int, best_step: int) -> None:
    """Removes all but the newest ``keep`` checkpoints and the best one."""
    for step in _steps(root)[:-keep]:
        if step != best_step:
            shutil.rmtree(checkpoint_path(root, step))


def _python_rng() -> list[Any]:
    version, internal, gauss = random.getstate()
    return [version, list(internal), gauss]
