"""Contract of tuners."""

import contextlib
import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import evolve, frozen

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.codec import to_plain
from ftctl.domain.event import STEP_FINISHED, TRAINING_FINISHED
from ftctl.domain.example import Example
from ftctl.domain.format import ADAPTERS
from ftctl.domain.job import Job
from ftctl.domain.resources import ModelShape, ResourcePlan
from ftctl.errors import FtctlError, Interrupted, ResourceExhausted
from ftctl.plugin.capabilities import ACCUMULATES, DETERMINISTIC, RESUME, VALIDATES
from ftctl.plugin.dataset import read_split
from ftctl.plugin.offer import Offer
from ftctl.plugin.process_state import ProcessState
from ftctl.plugin.registry import Registry, Unknown
from ftctl.plugin.result_checks import checked
from ftctl.ports.objective import Batch, Encoder, Forward, Objective
from ftctl.ports.target import Target
from ftctl.ports.tuner import Tuner
from ftctl.testing.contracts.base import capability
from ftctl.testing.contracts.offer import OfferContract, make
from ftctl.testing.contracts.stage import recording
from ftctl.testing.contracts.supports import hashes
from ftctl.testing.contracts.target_loader import mean_loss, open_target
from ftctl.testing.contracts.without_backend import without_backend
from ftctl.testing.samples import phrases_dataset, tiny_model, tiny_shape
from ftctl.worker.error_mapping import as_ftctl_error

PICKLES = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}
LOSSES = 1e-3
"""Relative difference of two losses that are the same but for the order of sums."""


@frozen
class Tuned:
    """Result of one training: its draft, the folder of its files, and its events as (kind, data)."""

    draft: Draft
    out: Path
    events: tuple[tuple[str, dict[str, Any]], ...]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Events of finished steps that carry a loss."""
        return [told for kind, told in self.events if kind == STEP_FINISHED and "loss" in told]


class TunerContract(OfferContract, contract=True):
    """Contract of tuners: trains ``model`` on ``data`` for ``objective``; ``values`` should make that take seconds.

    The model must outlive a test, so it comes from ``tmp_path_factory`` or is there always: one training is looked at
    by several.
    """

    port: ClassVar[str] = "tuner"
    base: ClassVar[type] = Tuner
    draws: ClassVar[bool] = True

    @pytest.fixture
    def model(self) -> Artifact:
        """The model that comes with ftctl: Qwen 2, 4 layers, float32; reading it needs ``ftctl[hf]``."""
        return tiny_model()

    @pytest.fixture
    def shape(self) -> ModelShape:
        """Shape of ``model`` as the planner knows it."""
        return tiny_shape()

    @pytest.fixture
    def data(self, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
        """Forty phrases in five languages, and four of them to validate on."""
        return phrases_dataset(tmp_path_factory.mktemp("phrases"))

    @pytest.fixture
    def objective(self, registry: Registry) -> Objective:
        """The objective that is trained."""
        found = registry.find("objective", "sft")
        assert not isinstance(found, Unknown)
        objective: Objective = make(found, {})
        return objective

    @pytest.fixture
    def equivalent(self, values: dict[str, Any], data: Artifact) -> tuple[dict[str, Any], dict[str, Any]]:
        """Options of two trainings that take the same steps: all rows at once, and in two parts.

        Smaller batches could rightly be put together otherwise.
        """
        rows = int(data.facts["splits"]["train"])
        return (
            {**values, "per_device_train_batch_size": rows, "gradient_accumulation_steps": 1},
            {**values, "per_device_train_batch_size": (rows + 1) // 2, "gradient_accumulation_steps": 2},
        )

    @pytest.fixture
    def train(
        self, found: Offer, values: dict[str, Any], model: Artifact, data: Artifact, objective: Objective
    ) -> Callable[..., Tuned]:
        """Function that trains in a folder; ``until`` decides from the events so far whether to stop."""

        def call(
            folder: Path,
            *,
            changed: dict[str, Any] | None = None,
            on: Artifact | None = None,
            aim: Objective | None = None,
            until: Callable[[list[Any]], bool] = lambda events: False,
        ) -> Tuned:
            context = recording(folder)
            seen = context.settings["events"]
            context = evolve(context, cancelled=lambda: until(seen))
            tuner = make(found, values if changed is None else changed)
            draft = tuner.tune(on or model, data, aim or objective, context)
            return Tuned(draft, context.out, tuple(seen))

        return call

    @pytest.fixture
    def tuned(
        self,
        request: pytest.FixtureRequest,
        tmp_path_factory: pytest.TempPathFactory,
        model: Artifact,
        train: Callable[..., Tuned],
    ) -> Tuned:
        """Undisturbed training, made for the first test that asks."""
        kept: Tuned | None = vars(request.cls).get("_tuned")
        if kept is None:
            request.cls._before = hashes(Path(model.path))
            before = ProcessState.taken()
            kept = request.cls._tuned = train(tmp_path_factory.mktemp("tuned"))
            before.restore()
        return kept

    @pytest.fixture
    def used(
        self, tuned: Tuned, train: Callable[..., Tuned], tmp_path_factory: pytest.TempPathFactory
    ) -> Callable[[], object]:
        """Function that trains; the first time it is the training that others look at."""
        made = [tuned]
        return lambda: made.pop() if made else train(tmp_path_factory.mktemp("used"))

    @pytest.fixture
    def target(self, registry: Registry) -> Callable[[Artifact], Target]:
        """Return a function that opens a model by the first loader for its format."""
        return lambda artifact: open_target(registry, artifact)

    def test_its_plan_is_the_same_without_its_backend(
        self, found: Offer, values: dict[str, Any], shape: ModelShape
    ) -> None:
        first, unread, again = without_backend(found, values, "plan", shape, [(40,), (None,), (40,)], ResourcePlan)
        assert first == again, "the second time it plans something else"
        checked(make(found, values).plan(shape, 40), "plan", found.name)
        assert first.trained_parameters > 0, "it plans to train nothing"
        assert first.memory, "it does not say what memory it needs"
        assert all(value > 0 for value in first.memory.values())
        assert unread.trained_parameters == first.trained_parameters

    def test_it_takes_the_steps_that_it_planned(
        self, found: Offer, values: dict[str, Any], shape: ModelShape, data: Artifact, tuned: Tuned
    ) -> None:
        planned = make(found, values).plan(shape, data.facts["splits"]["train"]).steps
        assert tuned.steps, f"it tells no {STEP_FINISHED} with a loss"
        assert (tuned.steps[-1]["step"], tuned.steps[-1]["total"]) == (planned, planned)

    def test_the_loss_is_finite_and_falls(self, tuned: Tuned) -> None:
        losses = [float(told["loss"]) for told in tuned.steps]
        assert len(losses) >= 3, "too few losses are told to see a trend; train more steps, and tell each"
        assert all(map(math.isfinite, losses)), losses
        part = max(1, len(losses) // 3)
        assert sum(losses[-part:]) < sum(losses[:part]), losses

    def test_what_happens_is_told_in_order_and_its_end_once(self, tuned: Tuned) -> None:
        steps = [told["step"] for told in tuned.steps]
        assert steps == sorted(set(steps)), steps
        kinds = [kind for kind, _ in tuned.events]
        assert kinds.count(TRAINING_FINISHED) == 1
        assert STEP_FINISHED not in kinds[kinds.index(TRAINING_FINISHED) :], "a step after the end"
        json.dumps([told for _, told in tuned.events])

    def test_the_base_model_is_only_read(self, request: pytest.FixtureRequest, tuned: Tuned, model: Artifact) -> None:
        assert hashes(Path(model.path)) == request.cls._before

    def test_it_says_what_it_tuned(self, tuned: Tuned, found: Offer) -> None:
        assert tuned.draft.kind == ("adapter" if tuned.draft.format in ADAPTERS else "model")
        assert tuned.draft.format in found.produces, f"{tuned.draft.format} is not among {found.produces}"
        json.dumps(to_plain(tuned.draft.facts))
        files = [path for path in tuned.out.rglob("*") if path.is_file()]
        assert files, "it left no file"
        assert not [path.name for path in files if path.suffix in PICKLES], "it left a pickle, which nothing here opens"

    def test_what_it_saved_knows_what_was_trained(
        self, tuned: Tuned, model: Artifact, data: Artifact, target: Callable[[Artifact], Target]
    ) -> None:
        before = mean_loss(target(model), list(read_split(data, "train")))
        after = mean_loss(target(_artifact(tuned, model)), list(read_split(data, "train")))
        assert after < before, f"-log p a token of the trained rows was {before:.4f} and is {after:.4f} once saved"

    @capability(VALIDATES)
    def test_its_last_validation_loss_is_that_of_what_it_saved(
        self, tuned: Tuned, model: Artifact, data: Artifact, target: Callable[[Artifact], Target]
    ) -> None:
        told = [told["validation_loss"] for kind, told in tuned.events if "validation_loss" in told]
        assert told, "it tells no validation loss"
        found = mean_loss(target(_artifact(tuned, model)), list(read_split(data, "validation")))
        assert found == pytest.approx(told[-1], rel=LOSSES), f"it told {told[-1]}, and what is loaded has {found}"

    @capability(DETERMINISTIC)
    def test_the_same_seed_makes_the_same_files(
        self, tuned: Tuned, train: Callable[..., Tuned], tmp_path: Path
    ) -> None:
        assert hashes(train(tmp_path / "again").out) == hashes(tuned.out)

    @capability(ACCUMULATES)
    def test_a_batch_in_parts_takes_the_same_steps(
        self, train: Callable[..., Tuned], equivalent: Sequence[dict[str, Any]], tmp_path: Path
    ) -> None:
        whole, parts = (train(tmp_path / str(n), changed=options).steps for n, options in enumerate(equivalent))
        assert len(whole) == len(parts)
        assert [told["loss"] for told in parts] == pytest.approx([told["loss"] for told in whole], rel=LOSSES)

    def test_who_is_stopped_stops_and_comes_to_an_end_later(
        self, train: Callable[..., Tuned], tuned: Tuned, tmp_path: Path
    ) -> None:
        with pytest.raises(Interrupted):
            train(tmp_path, until=_behind(tuned.steps[-1]["step"] // 2))
        assert not list((tmp_path / "out").iterdir()), "half a model would be taken for one"
        done = train(tmp_path)
        assert done.draft.format == tuned.draft.format
        assert TRAINING_FINISHED in [kind for kind, _ in done.events]

    @capability(RESUME)
    def test_who_goes_on_ends_as_if_never_stopped(
        self, train: Callable[..., Tuned], tuned: Tuned, tmp_path: Path
    ) -> None:
        with pytest.raises(Interrupted):
            train(tmp_path, until=_behind(tuned.steps[-1]["step"] // 2))
        done = train(tmp_path)
        assert done.steps[0]["step"] > 1, "it began anew"
        assert hashes(done.out) == hashes(tuned.out), "a training that was stopped ends elsewhere"

    def test_that_memory_ran_out_is_said(
        self, train: Callable[..., Tuned], objective: Objective, found: Offer, tmp_path: Path
    ) -> None:
        with pytest.raises(Exception) as caught:  # noqa: PT011 # whatever it is, the worker must know it
            train(tmp_path, aim=_Starving(objective))
        job = Job("k", "tune", "tune", (), {}, 1)
        assert isinstance(as_ftctl_error(caught.value, job), ResourceExhausted), repr(caught.value)

    def test_no_pickle_of_the_model_is_opened(
        self, model: Artifact, train: Callable[..., Tuned], tmp_path: Path
    ) -> None:
        folder, mark = tmp_path / "with-pickles", tmp_path / "MARK"
        shutil.copytree(model.path, folder)
        for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt"):
            (folder / name).write_bytes(_bomb(mark))
        with contextlib.suppress(FtctlError):
            train(tmp_path, on=evolve(model, path=str(folder)))
        assert not mark.exists(), "code of the model's folder was run"


def _artifact(tuned: Tuned, model: Artifact) -> Artifact:
    draft = tuned.draft
    base = model if draft.format in ADAPTERS else None
    return Artifact(draft.kind, draft.format, "a" * 64, str(tuned.out), draft.facts, base)


def _behind(step: int) -> Callable[[list[tuple[str, dict[str, Any]]]], bool]:
    return lambda events: any(kind == STEP_FINISHED and told["step"] >= step for kind, told in events)


class _Starving(Objective):
    """Objective that runs out of memory when the loss is asked for."""

    def __init__(self, inner: Objective) -> None:
        self._inner = inner

    def encode(self, example: Example, encoder: Encoder) -> Any:
        return self._inner.encode(example, encoder)

    def units(self, batch: Batch) -> int:
        return self._inner.units(batch)

    def loss(self, model: Forward, batch: Batch) -> tuple[Any, dict[str, Any]]:
        raise MemoryError("none left")


def _bomb(mark: Path) -> bytes:
    """Return a pickle that makes a folder when opened: ``os.mkdir(mark)``, in protocol 0."""
    return b"cos\nmkdir\n(V" + str(mark).encode() + b"\ntR."
