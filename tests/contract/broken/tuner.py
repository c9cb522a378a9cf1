"""Tuners."""

import pickle
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import evolve

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.event import TRAINING_FINISHED
from ftctl.domain.resources import ModelShape, ResourcePlan
from ftctl.errors import Interrupted
from ftctl.ports.context import StageContext
from ftctl.ports.objective import Objective
from ftctl.ports.tuner import TunerError
from ftctl.testing.contracts import TunerContract
from ftctl.testing.fakes import FakeTuner
from ftctl.testing.fakes.tuner import LOSS
from tests.contract.broken.base import Broken
from tests.contract.models import fake_model

CAPABLE = "capabilities"


class Teach(Broken, TunerContract):
    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"steps": 6}

    @pytest.fixture
    def model(self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
        if "_model" not in vars(request.cls):
            request.cls._model = fake_model(tmp_path_factory.mktemp("base"))
        model: Artifact = request.cls._model
        return model


class Edited(FakeTuner):
    """The fake, whose events and files are edited."""

    def tune(self, model: Artifact, data: Artifact, objective: Objective, context: StageContext) -> Draft:
        def emit(kind: str, **told: Any) -> None:
            for one in self.told(kind, told):
                context.emit(one, **told)

        draft = super().tune(model, data, objective, evolve(context, emit=emit))
        return self.left(draft, model, context)

    def told(self, kind: str, told: dict[str, Any]) -> list[str]:
        return [kind]

    def left(self, draft: Draft, model: Artifact, context: StageContext) -> Draft:
        return draft


class Fickle(FakeTuner):
    turn = 0

    def plan(self, shape: ModelShape, train_rows: int | None) -> ResourcePlan:
        Fickle.turn += 1
        return evolve(super().plan(shape, train_rows), disk=Fickle.turn)


class Optimist(FakeTuner):
    def plan(self, shape: ModelShape, train_rows: int | None) -> ResourcePlan:
        return evolve(super().plan(shape, train_rows), steps=1)


class Rising(Edited):
    def told(self, kind: str, told: dict[str, Any]) -> list[str]:
        if "loss" in told:
            told["loss"] = float(told["step"])
        return [kind]


class Endless(Edited):
    def told(self, kind: str, told: dict[str, Any]) -> list[str]:
        return [kind, kind] if kind == TRAINING_FINISHED else [kind]


class Scribbler(Edited):
    def left(self, draft: Draft, model: Artifact, context: StageContext) -> Draft:
        Path(model.path, "cache").write_text("mine")
        return draft


class Pickler(Edited):
    def left(self, draft: Draft, model: Artifact, context: StageContext) -> Draft:
        (context.out / "training_args.bin").write_bytes(b"x")
        return draft


class Untaught(Edited):
    """Saves what it was given."""

    def told(self, kind: str, told: dict[str, Any]) -> list[str]:
        if "validation_loss" in told:
            told["validation_loss"] = 9.0
        return [kind]

    def left(self, draft: Draft, model: Artifact, context: StageContext) -> Draft:
        (context.out / LOSS).write_text("9.0")
        return draft


class Rounded(Edited):
    """Saves a little less than it had."""

    def left(self, draft: Draft, model: Artifact, context: StageContext) -> Draft:
        (context.out / LOSS).write_text(str(float((context.out / LOSS).read_text()) * 1.01))
        return draft


class Restless(Edited):
    turn = 0

    def left(self, draft: Draft, model: Artifact, context: StageContext) -> Draft:
        Restless.turn += 1
        (context.out / "weights.txt").write_text(str(Restless.turn))
        return draft


class Impatient(FakeTuner):
    """Forgets what it has added up when a batch comes in parts."""

    def _loss(self, step: int, objective: Objective) -> float:
        return super()._loss(step, objective) * self._options.gradient_accumulation_steps


class Deaf(FakeTuner):
    def tune(self, model: Artifact, data: Artifact, objective: Objective, context: StageContext) -> Draft:
        return super().tune(model, data, objective, evolve(context, cancelled=lambda: False))


class Hasty(FakeTuner):
    """Leaves half a model when it is stopped."""

    def tune(self, model: Artifact, data: Artifact, objective: Objective, context: StageContext) -> Draft:
        try:
            return super().tune(model, data, objective, context)
        except Interrupted:
            (context.out / "weights.txt").write_text("half")
            raise


class Forgetful(Edited):
    """Remembers where it was, and leaves other files when it was stopped before."""

    def tune(self, model: Artifact, data: Artifact, objective: Objective, context: StageContext) -> Draft:
        resumed = (context.work / "steps").exists()
        draft = super().tune(model, data, objective, context)
        if resumed:
            (context.out / "weights.txt").write_text("from a random state of its own")
        return draft


class Vague(FakeTuner):
    def tune(self, model: Artifact, data: Artifact, objective: Objective, context: StageContext) -> Draft:
        try:
            return super().tune(model, data, objective, context)
        except MemoryError as error:
            raise TunerError("training failed") from error


class Trusting(FakeTuner):
    def tune(self, model: Artifact, data: Artifact, objective: Objective, context: StageContext) -> Draft:
        for path in Path(model.path).glob("*.bin"):
            pickle.loads(path.read_bytes())  # what must not be done
        return super().tune(model, data, objective, context)


class Test_its_plan_is_the_same_without_its_backend(Teach):
    kind = "Fickle"


class Test_it_takes_the_steps_that_it_planned(Teach):
    kind = "Optimist"


class Test_the_loss_is_finite_and_falls(Teach):
    kind = "Rising"


class Test_what_happens_is_told_in_order_and_its_end_once(Teach):
    kind = "Endless"


class Test_the_base_model_is_only_read(Teach):
    kind = "Scribbler"


class Test_it_says_what_it_tuned(Teach):
    kind = "Pickler"


class Test_what_it_saved_knows_what_was_trained(Teach):
    kind = "Untaught"


class Test_its_last_validation_loss_is_that_of_what_it_saved(Teach):
    kind = "Rounded"


class Test_the_same_seed_makes_the_same_files(Teach):
    kind = "Restless"
    change: ClassVar[dict[str, Any]] = {CAPABLE: ("deterministic",)}


class Test_a_batch_in_parts_takes_the_same_steps(Teach):
    kind = "Impatient"


class Test_who_is_stopped_stops_and_comes_to_an_end_later(Teach):
    kind = "Deaf"
    change: ClassVar[dict[str, Any]] = {CAPABLE: ()}


class Test_who_is_stopped_stops_and_comes_to_an_end_later__hasty(Teach):
    kind = "Hasty"


class Test_who_goes_on_ends_as_if_never_stopped(Teach):
    kind = "Forgetful"


class Test_that_memory_ran_out_is_said(Teach):
    kind = "Vague"


class Test_no_pickle_of_the_model_is_opened(Teach):
    kind = "Trusting"
