"""What a run would do: its stages, what is already done, what it trains and needs. Imports no backend."""

from copy import deepcopy
from typing import Any

from attrs import evolve, field, frozen

from ftctl.application.app import App
from ftctl.application.chain import PHASES, build_chain
from ftctl.application.earlier import EARLIER, measured_in
from ftctl.application.find_dataset import find_dataset
from ftctl.application.keep_pace import recall_pace
from ftctl.application.needs import lacking, missing_in
from ftctl.application.preview import PREVIEWS, Preview
from ftctl.application.spec import Backend, RunSpec
from ftctl.application.stage import Stage
from ftctl.domain.artifact import served_model
from ftctl.domain.asks import Asks, Pace, together
from ftctl.domain.codec import to_plain
from ftctl.domain.launch import Endpoint
from ftctl.domain.power import smallest_shown
from ftctl.domain.resources import ModelShape, ResourcePlan
from ftctl.errors import BackendFailed, ConfigInvalid, DiskFull, FtctlError, PluginBroken
from ftctl.plugin.capabilities import SEALS
from ftctl.plugin.offer import load
from ftctl.plugin.returned import returned
from ftctl.ports.model_intake import ModelFacts

MARGIN = 1.2
"""Free disk must exceed the estimate by this factor."""

HELPED = frozenset({"data", "tune"})
"""Phases of a machine that only helps to train: it makes the same inputs for itself."""


@frozen
class PlannedStage:
    """``key`` is known once every input is; ``record`` is what an earlier run stored under it."""

    stage: Stage
    key: str | None
    record: dict[str, Any] | None

    @property
    def cached(self) -> bool:
        return self.record is not None


@frozen
class Plan:
    """A run that can start."""

    spec: RunSpec
    model: ModelFacts
    stages: tuple[PlannedStage, ...]
    resources: ResourcePlan
    measures: bool = True
    """Whether it goes as far as the metrics, so that gates can be held against them."""
    pace: Pace = field(factory=Pace)
    """How fast the base model answered here before."""
    helps: bool = False
    """Whether this machine only lends its processes to a training run whose outcome another keeps."""

    @property
    def preview(self) -> bool:
        """Whether it only shows or helps, so that the record of the run stays as it is."""
        return self.helps or any(planned.stage.operation in PREVIEWS for planned in self.stages)

    def document(self) -> dict[str, Any]:
        """The plan as JSON: what ``--dry-run --json`` prints."""
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
        model.pop("tensors")
        document = {"run_id": self.spec.run_id, "model": model, "stages": stages, "resources": to_plain(self.resources)}
        return document | {"evaluation": self.evaluation()}

    def evaluation(self) -> dict[str, Any] | None:
        """How many examples the test split has, the difference of two shares that they would show, and those which an
        evaluator with a limit asks; what measuring one model asks of it, and how long that takes: nothing where this
        model was not measured here before.

        Known once the data stage was done.
        """
        data = next((planned.record for planned in self.stages if planned.stage.name == "data"), None)
        examples = (data or {}).get("summary", {}).get("splits", {}).get("test")
        if examples is None or not self.spec.evaluators:
            return None
        found = [(one.offer.name, _asks(one, examples)) for one in self.spec.evaluators]
        asked = together(found)
        told = {"examples": examples, "smallest_shown": smallest_shown(examples), "asks": to_plain(asked)}
        fewer = [
            {"evaluator": name, "examples": one.split, "smallest_shown": smallest_shown(one.split)}
            for name, one in found
            if one is not None and 0 < one.split < examples
        ]
        return told | {"fewer": fewer, "seconds": self.pace.seconds(asked)}


def _elsewhere(endpoint: Endpoint) -> ModelFacts:
    """What is known of a model that somebody serves."""
    return ModelFacts(endpoint.url, "", ModelShape("", 0, 0, 0, 0, 0, 0, ""))


def instantiate(backend: Backend) -> Any:
    """The backend itself, made from its checked options, which stay as they are whatever it does to its own.

    Raises:
        PluginBroken: its module or class cannot be imported, or it refuses to be made.
    """
    offer = backend.offer
    try:
        return load(offer.factory)(load(offer.options)(**deepcopy(backend.options)))
    except FtctlError:
        raise
    except (Exception, SystemExit) as error:
        name = f"{offer.port} {offer.full_name} {offer.version}"
        raise PluginBroken(
            f"{name} cannot be used: {type(error).__name__}: {error}", next_step="`ftctl plugins` shows its status"
        ) from error


def make_plan(app: App, spec: RunSpec, until: str = "verify", preview: Preview | None = None) -> Plan:
    """Finds stages, cache hits and needs; every problem is reported at once.

    Raises:
        ConfigInvalid: backends that do not fit each other or this model.
        UsageError: a gate names an earlier run that is not there, or was not measured.
        DiskFull: less free space than the run is expected to need.
    """
    facts = _elsewhere(spec.endpoint) if spec.endpoint else app.intake.look(spec.model, spec.model_revision)
    for gate in spec.gates:
        if gate.over.startswith(EARLIER):
            measured_in(app, gate.over.removeprefix(EARLIER))
    chain = build_chain(spec, app.registry, until, preview)
    helps = preview is None and bool(ask(spec.launcher, "helping"))
    stages = [_settled(app, spec, stage) for stage in chain if not helps or stage.phase in HELPED]
    _refuse_unmeasurable(app, spec, stages)
    _refuse_unreadable(app, spec, stages)
    _refuse_unasked(spec, stages)
    _refuse_unsupported(stages, facts)
    planned = tuple(_with_cache(app, spec, stages, facts))
    resources = _resources(app, spec, facts, planned)
    free = app.environments.free_bytes()
    to_make = any(not p.cached for p in planned if p.stage.lasts)
    if to_make and free < resources.disk * MARGIN:
        needed = f"{resources.disk * MARGIN / 1e6:,.0f} MB needed, {free / 1e6:,.0f} MB free"
        raise DiskFull(f"not enough disk space for this run in {app.workspace}: {needed}", next_step="free some space")
    measures = not helps and PHASES.index(until) >= PHASES.index("evaluate")
    if measures and spec.gates and spec.evaluators and not any(stage.subject for stage in stages):
        text = "gates cannot be held against anything: as far as this command goes nothing is measured"
        raise ConfigInvalid(text, next_step="`ftctl run` goes as far as the server")
    return Plan(spec, facts, planned, resources, measures, _pace(app, spec, planned), helps)


def _asks(evaluator: Backend, examples: int) -> Asks | None:
    """What it says; nothing where it cannot be asked here, for an estimate is no reason to end a run."""
    if evaluator.offer.environment != "default" and not evaluator.outside:
        return None
    try:
        told = ask(evaluator, "asks", examples)
    except FtctlError:
        return None
    return told if isinstance(told, Asks) else None


def _pace(app: App, spec: RunSpec, planned: tuple[PlannedStage, ...]) -> Pace:
    model = next((one.record for one in planned if one.stage.operation == "admit"), None)
    who = spec.endpoint.model if spec.endpoint else (model or {}).get("digest", "")
    return recall_pace(app.workspace / "replies", who)


def ask(backend: Backend, method: str, *arguments: Any, **named: Any) -> Any:
    """What a backend answers while a run is planned; what it is asked with stays as it is.

    Raises:
        PluginBroken: it raised something that is no error of ours, or returned what its port does not.
    """
    implementation = instantiate(backend)
    name = f"{backend.offer.port} {backend.offer.full_name} {backend.offer.version}"
    try:
        return returned(getattr(implementation, method), name, *deepcopy(arguments), **named)
    except FtctlError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginBroken(f"{name} failed in {method}(): {type(error).__name__}: {error}") from error


def _settled(app: App, spec: RunSpec, stage: Stage) -> Stage:
    """The data stage with what its source and its steps read now: part of its key, and looked at again afterwards.

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


def model_key(facts: ModelFacts) -> str:
    """The stage key of the base model: its content, whatever it is called."""
    return Stage("model", "admit", ()).key({"fingerprint": facts.fingerprint}, 0)


def _refuse_unsupported(stages: list[Stage], facts: ModelFacts) -> None:
    problems = []
    for stage in stages:
        if stage.operation in ("compress", "serve"):
            verdict = ask(stage.backends[0], "supports", facts.shape)
            problems += [f"{stage.plugin}: {reason}" for reason in verdict.reasons]
    if problems:
        raise ConfigInvalid("a backend cannot take this model", details=tuple(problems))


def _refuse_unmeasurable(app: App, spec: RunSpec, stages: list[Stage]) -> None:
    """Loaders are chosen by format, not by name, and evaluators run beside them: what both need there is asked here."""
    problems = []
    for stage in stages:
        if "loader" not in stage.parts:
            continue
        place, together = stage.environment, [*stage.parts.values(), *stage.backends]
        recipe = any(one.offer.recipe for one in together if one.offer.environment == place)
        for one in together:
            if one.outside:
                line = lacking(one.offer, app.environments, spec.environments)
            elif one.offer.environment not in ("default", place):
                line = f"{one.offer.name} lives in the environment {one.offer.environment!r}, and not in {place!r}"
            else:
                line = missing_in(place, one.offer.name, one.offer.needs, recipe, app.environments, spec.environments)
            problems += [f"{stage.name}: {line}"] if line else []
    if problems:
        step = "or measure nothing: --set evaluators=[]"
        raise ConfigInvalid("a form of the model cannot be measured here", next_step=step, details=tuple(problems))


def _refuse_unreadable(app: App, spec: RunSpec, stages: list[Stage]) -> None:
    """What opens an encrypted data set is needed wherever a stage reads it."""
    if not spec.data_steps or SEALS not in spec.data_steps[-1].offer.capabilities:
        return
    seal, problems = spec.data_steps[-1].offer, []
    for stage in stages:
        if "data" in stage.inputs and stage.environment != "default":
            line = missing_in(stage.environment, seal.name, seal.needs, False, app.environments, spec.environments)
            problems += [f"{stage.name}: {line}"] if line else []
    if problems:
        text = "a stage reads the data set where it cannot be decrypted"
        raise ConfigInvalid(text, next_step="install it there, or leave the step out", details=tuple(problems))


def _refuse_unasked(spec: RunSpec, stages: list[Stage]) -> None:
    """A server that does not answer, or ignores what an evaluator needs, is found out before the work."""
    for stage in stages:
        if stage.endpoint and spec.asker:
            scores = bool(stage.settings.get("scores"))
            verdict = ask(spec.asker, "probe", served_model(stage.endpoint), scores=scores)
            if verdict.reasons:
                text = f"{stage.endpoint.url} cannot be measured: {'; '.join(verdict.reasons)}"
                step = "leave out the evaluators that score" if scores else "see the server's log"
                raise BackendFailed(text, next_step=step)


def _with_cache(app: App, spec: RunSpec, stages: list[Stage], facts: ModelFacts) -> list[PlannedStage]:
    """Follows the chain as far as the outcome of every stage is known."""
    digests: dict[str, str] = {}
    planned = []
    for stage in stages:
        key = stage_key(spec, stage, facts, digests)
        record = _known(app, stage) or (app.store.recall(key) if key and stage.lasts else None)
        if record:
            digests[stage.name] = str(record["digest"])
        planned.append(PlannedStage(stage, key, record))
    return planned


def _known(app: App, stage: Stage) -> dict[str, Any] | None:
    """The record of a stage whose outcome the run names."""
    digest = stage.settings.get("dataset")
    if digest is None:
        return None
    data = app.store.open("dataset", str(digest))
    return {"kind": data.kind, "digest": data.digest, "metrics": [], "summary": data.facts["summary"]}


def stage_key(spec: RunSpec, stage: Stage, facts: ModelFacts, digests: dict[str, str]) -> str | None:
    """The key of a stage, or ``None`` while an input has not been made."""
    if stage.operation == "admit":
        return model_key(facts)
    if stage.operation == "dataset":
        return stage.key({}, 0)
    if any(source not in digests for source in stage.inputs.values()):
        return None
    return stage.key({role: digests[source] for role, source in stage.inputs.items()}, spec.seed)


def _resources(app: App, spec: RunSpec, facts: ModelFacts, planned: tuple[PlannedStage, ...]) -> ResourcePlan:
    if spec.endpoint:
        return ResourcePlan(0, 0, {}, 0)
    data = next((p.record for p in planned if p.stage.operation == "dataset" and p.record), None)
    rows = None
    if data:
        rows = int(app.store.open("dataset", str(data["digest"])).facts["splits"].get("train", 0))
    resources: ResourcePlan = ask(spec.tuner, "plan", facts.shape, rows)
    return resources
