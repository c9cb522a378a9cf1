"""Plan a run: its stages, cache hits, resources. Imports no backend."""

from datetime import datetime
from typing import Any

from attrs import evolve, field, frozen

from ftctl.application.app import App
from ftctl.application.backend_calls import ask
from ftctl.application.chain import PHASES, build_chain
from ftctl.application.evaluation_estimate import estimate_evaluation, measured_throughput
from ftctl.application.find_dataset import find_dataset
from ftctl.application.plan_checks import refuse_taken_port, refuse_unfit, refuse_unusable_endpoint
from ftctl.application.preview import PREVIEWS, Preview
from ftctl.application.previous_run import EARLIER, measured_in
from ftctl.application.resource_plan import plan_resources
from ftctl.application.run_record import recorded_model
from ftctl.application.spec import RunSpec
from ftctl.application.stage import Stage
from ftctl.application.stage_keys import PlannedStage, look_up
from ftctl.domain.codec import to_plain
from ftctl.domain.evaluation_cost import Throughput
from ftctl.domain.launch import Endpoint
from ftctl.domain.resources import ModelShape, ResourcePlan
from ftctl.errors import ConfigInvalid, DiskFull
from ftctl.ports.model_intake import ChatTemplate, ModelFacts

MARGIN = 1.2
"""Free disk must exceed the estimate by this factor."""

DECISIVE = (
    *("learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps"),
    *("num_train_epochs", "max_steps", "max_length"),
)
"""Options of a training that a plan shows."""

HELPED = frozenset({"data", "tune"})
"""Phases of a machine that only helps to train: it makes the same inputs for itself."""


@frozen
class Plan:
    """A run that can start."""

    spec: RunSpec
    model: ModelFacts
    stages: tuple[PlannedStage, ...]
    resources: ResourcePlan
    measures: bool = True
    """Whether it goes as far as the metrics, so that gates can be held against them."""
    pace: Throughput = field(factory=Throughput)
    """How fast the base model answered here before."""
    helps: bool = False
    """Whether this machine only lends its processes to a training run whose outcome another keeps."""

    @property
    def preview(self) -> bool:
        """Return True if the run only shows something or helps another machine, so its record stays unchanged."""
        return self.helps or any(planned.stage.operation in PREVIEWS for planned in self.stages)

    def document(self) -> dict[str, Any]:
        """Return the plan as JSON, as ``--dry-run --json`` prints it."""
        stages = [
            {
                "name": planned.stage.name,
                "plugin": planned.stage.plugin,
                "environment": planned.stage.environment,
                "cached": planned.cached,
                "key": planned.key,
            }
            for planned in self.stages
        ]
        left_out = list(self.model.left_out)
        model = {"reference": self.model.reference, "left_out": left_out, **to_plain(self.model.shape)}
        if self.model.commit:
            model |= {"commit": self.model.commit, "fetch_bytes": self.model.fetch_bytes}
        if self.model.template_date:
            model |= {"template_date": self.model.template_date}
        model.pop("tensors")
        document = {"run_id": self.spec.run_id, "model": model, "stages": stages, "resources": to_plain(self.resources)}
        return document | {"training": self.training(), "evaluation": self.evaluation()}

    def training(self) -> dict[str, Any]:
        """Return the tuner's options that decide how long and how fast it learns, as far as it has them."""
        chosen = {} if self.spec.endpoint else self.spec.tuner.options
        return {name: chosen[name] for name in DECISIVE if name in chosen}

    def evaluation(self) -> dict[str, Any] | None:
        """Estimate what evaluating one model takes (`estimate_evaluation`)."""
        return estimate_evaluation(self.spec, self.stages, self.pace)


def _elsewhere(endpoint: Endpoint) -> ModelFacts:
    """Return facts of a model behind an endpoint, whose shape is unknown."""
    return ModelFacts(endpoint.url, "", ModelShape("", 0, 0, 0, 0, 0, 0, ""))


def _facts(app: App, spec: RunSpec) -> ModelFacts:
    """Return facts of the base model.

    A template that asks for the clock is told the day of the run file, or that on which this run was planned first.
    """
    before = recorded_model(app.journals.open(spec.run_id)).get("template_date")
    today = datetime.fromtimestamp(app.clock.now()).date().isoformat()
    chat = ChatTemplate(spec.chat_template or "", spec.template_date or before or today)
    return app.intake.look(spec.model, spec.model_revision, chat)


def make_plan(app: App, spec: RunSpec, until: str = "verify", preview: Preview | None = None) -> Plan:
    """Plan a run: stages, cache hits and needs; all problems are reported at once.

    Raises:
        ConfigInvalid: backends that do not fit each other or this model.
        UsageError: a gate names an earlier run that is not there, or was not measured.
        PortBusy: somebody listens on the port that the server is to have.
        DiskFull: less free space than the run is expected to need.
    """
    chain = build_chain(spec, app.registry, until, preview)
    for gate in spec.gates:
        if gate.over.startswith(EARLIER):
            measured_in(app, gate.over.removeprefix(EARLIER))
    facts = _elsewhere(spec.endpoint) if spec.endpoint else _facts(app, spec)
    helps = preview is None and bool(ask(spec.launcher, "helping"))
    chain = [stage for stage in chain if not helps or stage.phase in HELPED]
    refuse_unfit(app, spec, chain, facts)
    stages = [_settled(app, spec, stage) for stage in chain]
    refuse_unusable_endpoint(spec, stages)
    refuse_taken_port(app, stages)
    planned = tuple(look_up(app, spec, stages, facts))
    resources = plan_resources(app, spec, facts.shape, planned)
    free = app.environments.free_bytes()
    to_make = any(not p.cached for p in planned if p.stage.lasts)
    if to_make and free < resources.disk * MARGIN:
        needed = f"{resources.disk * MARGIN / 1e6:,.0f} MB needed, {free / 1e6:,.0f} MB free"
        raise DiskFull(f"not enough disk space for this run in {app.workspace}: {needed}", next_step="free some space")
    measures = not helps and PHASES.index(until) >= PHASES.index("evaluate")
    if measures and spec.gates and spec.evaluators and not any(stage.subject for stage in stages):
        text = "gates cannot be checked: this command evaluates no model"
        raise ConfigInvalid(text, next_step="`ftctl run` goes as far as the server")
    return Plan(spec, facts, planned, resources, measures, measured_throughput(app, spec, planned), helps)


def _settled(app: App, spec: RunSpec, stage: Stage) -> Stage:
    """Return the data stage with the fingerprints of source and steps; part of its key, and checked again later.

    Where the run names a data set that is there, it is that one, and nothing is read. An evaluation with what files its
    evaluators read.
    """
    if stage.operation == "evaluate":
        asked = {one.offer.name: ask(one, "fingerprint") for one in stage.backends if one.reads()}
        read = {name: told for name, told in asked.items() if told}
        return evolve(stage, settings=stage.settings | {"fingerprints": read}) if read else stage
    if stage.operation != "dataset":
        return stage
    if spec.dataset:
        return evolve(stage, backends=(), settings={"dataset": find_dataset(app.store, spec.dataset).digest}, limits={})
    held = [ask(backend, "fingerprint") for backend in stage.backends]
    recipe = [backend.identity() for backend in stage.backends]
    return evolve(stage, settings=stage.settings | {"fingerprints": held, "recipe": recipe})
