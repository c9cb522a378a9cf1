"""Build the stages of a resolved run: check formats between them and insert conversions."""

from collections.abc import Iterable
from typing import Any

from attrs import define, evolve, field

from ftctl.application.model_variants import REPORTS, SERVED, STAGES
from ftctl.application.preview import Preview
from ftctl.application.spec import Backend, RunSpec
from ftctl.application.stage import Stage
from ftctl.domain.codec import to_plain
from ftctl.domain.format import HF
from ftctl.errors import ConfigInvalid
from ftctl.plugin.capabilities import BASE, BRIDGE, INSIDE, OWN_CASES, PREPARES, SCORES, SERVER
from ftctl.plugin.offer import Offer
from ftctl.plugin.registry import Registry, Unknown

PHASES = ("data", "preview", "tune", "evaluate", "compress", "serve", "verify")
"""Where a run can be told to end."""


def build_chain(
    spec: RunSpec, registry: Registry, until: str = "verify", preview: Preview | None = None
) -> list[Stage]:
    """Return the stages of the run in order, up to and including the phase ``until``.

    Every stage has the number that it has in the whole run, whatever the phase. A ``preview`` takes the place of
    all stages after data.

    Raises:
        ConfigInvalid: backends that do not fit each other, all of them at once, those of later phases too.
    """
    chain = _Chain(spec, registry)
    chain.build()
    if chain.problems:
        raise ConfigInvalid(
            "the backends of this run do not fit each other",
            next_step="`ftctl plugins` shows which formats each accepts and produces",
            details=(*chain.problems, *spec.lacking),
        )
    numbered = [evolve(stage, number=number) for number, stage in enumerate(chain.stages, 1)]
    if preview:
        numbered.insert(sum(stage.phase == "data" for stage in numbered), chain.shown(preview))
    return [stage for stage in numbered if PHASES.index(stage.phase) <= PHASES.index(until)]


@define
class _Chain:
    spec: RunSpec
    registry: Registry
    stages: list[Stage] = field(factory=list)
    problems: list[str] = field(factory=list)
    base: str = "model"
    """The stage that produces the model to tune."""

    def shown(self, preview: Preview) -> Stage:
        inputs, parts, name = {"model": self.base, "data": "data"}, self.objective(), preview.operation
        settings, tuner = preview.settings, (self.spec.tuner,)
        return Stage(name, name, tuner, inputs, settings=settings, parts=parts, phase="preview")

    def objective(self) -> dict[str, Backend]:
        return {"objective": self.spec.objective}

    def build(self) -> None:
        spec = self.spec
        measuring = [one.offer.name for one in spec.evaluators if SERVER in one.offer.capabilities]
        if measuring and not (spec.endpoint or spec.evaluate_served):
            line = f"{', '.join(measuring)} measures a server; name the `endpoint`, or say evaluate_served: true"
            self.problems.append(f"evaluators: {line}")
        comparing = [one.offer.name for one in spec.evaluators if BASE in one.offer.capabilities]
        if comparing and spec.endpoint:
            self.problems.append(f"evaluators: {', '.join(comparing)} asks the base model, and an endpoint has none")
        if spec.endpoint:
            self.stages.append(self.data())
            self.evaluate_served({"data": "data"}, "evaluate")
            return
        self.stages.append(Stage("model", "admit", (), phase="data"))
        if spec.extender:
            self.stages.append(Stage("extend", "compress", (spec.extender,), {"model": self.base}, phase="data"))
            self.base = "extend"
        self.stages.append(self.data())
        both = {"model": self.base, "data": "data"}
        if PREPARES in spec.tuner.offer.capabilities and self.measured_locally():
            prepare = Stage("prepare", "prepare", (spec.tuner,), both, parts=self.objective(), phase="evaluate")
            self.stages.append(prepare)
        self.evaluate("baseline", self.base, "base", HF, "evaluate")
        tune = Stage("tune", "tune", (spec.tuner,), both, parts=self.objective(), phase="tune", launcher=spec.launcher)
        self.stages.append(tune)
        made, form = "tune", self.produced(spec.tuner.offer, HF)
        self.evaluate("evaluate", made, "tuned", form, "evaluate")
        if spec.compressor:
            made, form = self.compress(spec.compressor, made, form)
        if spec.server:
            made, form = self.bridge(made, form, spec.server, "serve") or (made, form)
            self.stages.append(Stage("serve", "serve", (spec.server,), {"model": made}, phase="serve"))
            self.stages.append(Stage("verify", "verify", (self.verifier(),), {"model": made}, phase="verify"))
            if spec.evaluate_served:
                self.evaluate_served({"model": made, "data": "data"}, "verify")

    def compress(self, compressor: Backend, made: str, form: str) -> tuple[str, str]:
        """Add compressing and its evaluation; where formats do not fit, go on without, so that the rest is checked."""
        bridged = self.bridge(made, form, compressor, "compress")
        if bridged is None:
            return made, form
        inputs = {"model": bridged[0], "data": "data"}
        self.stages.append(Stage("compress", "compress", (compressor,), inputs, phase="compress"))
        form = self.produced(compressor.offer, bridged[1])
        self.evaluate("evaluate-compressed", "compress", "compressed", form, "compress")
        return "compress", form

    def data(self) -> Stage:
        spec, settings = self.spec, to_plain(self.spec.data)
        backends, limits = (*spec.data_sources, *spec.data_steps), spec.limits.settings()
        settings |= {"sources": len(spec.data_sources), "mixing": to_plain(spec.mixing)}
        return Stage("data", "dataset", backends, settings=settings, limits=limits, engine=spec.engine, phase="data")

    def measured_locally(self) -> tuple[Backend, ...]:
        """Return the evaluators that measure a model and not its server."""
        return tuple(one for one in self.spec.evaluators if SERVER not in one.offer.capabilities)

    def evaluate(self, name: str, model: str, subject: str, form: str, phase: str) -> None:
        backends = self.measured_locally()
        if not backends:
            return
        inputs, told = {"model": model, "data": "data"}, dict[str, Any]()
        parts = self.loader(form)
        self.shown_to(parts, subject)
        if model != self.base and any(BASE in one.offer.capabilities for one in backends):
            inputs |= {"base": self.base}
            parts |= {f"base_{role}": loader for role, loader in self.loader(HF).items()}
        self.measure(Stage(name, "evaluate", backends, inputs, subject, told, parts, phase=phase))

    def evaluate_served(self, inputs: dict[str, str], phase: str) -> None:
        """Add the evaluation of a server: a foreign one, or that of this run."""
        assert self.spec.asker is not None
        server, parts = self.spec.server, {"loader": self.spec.asker}
        # an endpoint is probed at planning; what this run's own server cannot do, earlier stages measure
        cannot = {INSIDE} if server is None or SCORES in server.offer.capabilities else {INSIDE, SCORES}
        cannot = set() if self.spec.endpoint else cannot
        cannot |= {BASE}
        backends = tuple(one for one in self.spec.evaluators if not cannot & set(one.offer.capabilities))
        if not backends:
            self.problems.append("evaluators: none of them can measure the server")
        if self.spec.endpoint:
            self.shown_to(parts, SERVED)
        told: dict[str, Any] = {"scores": any(SCORES in one.offer.capabilities for one in backends)}
        left_out = [one.offer.name for one in self.spec.evaluators if one not in backends]
        told |= {"left_out": left_out} if left_out else {}
        where = self.spec.endpoint
        self.measure(
            Stage(STAGES[SERVED], "evaluate", backends, inputs, SERVED, told, parts, phase=phase, endpoint=where)
        )

    def measure(self, whole: Stage) -> None:
        """Append a stage for each separate environment of evaluators, then the main stage, which merges their reports.

        All measurements of a model are one artifact.
        """
        near = {"default", *(loader.offer.environment for loader in whole.parts.values())}
        apart: dict[str, list[Backend]] = {}
        for backend in whole.backends:
            if backend.offer.environment not in near and not backend.outside:
                apart.setdefault(backend.offer.environment, []).append(backend)
        reports = {}
        for environment, backends in apart.items():
            reports[f"{REPORTS}{environment}"] = name = f"{whole.name}.{environment}"
            settings = {key: value for key, value in whole.settings.items() if key != "left_out"} | needed(backends)
            self.stages.append(evolve(whole, name=name, backends=tuple(backends), settings=settings))
        others = {backend.offer.name for backends in apart.values() for backend in backends}
        own = tuple(backend for backend in whole.backends if backend.offer.name not in others)
        parts, settings = whole.parts if own else {}, whole.settings | needed(own)
        inputs = whole.inputs | reports
        self.stages.append(evolve(whole, backends=own, inputs=inputs, parts=parts, settings=settings))

    def shown_to(self, parts: dict[str, Backend], subject: str) -> None:
        """Add the loaders that white-box evaluators need to the stage."""
        shows = all(INSIDE in loader.offer.capabilities for loader in parts.values())
        looking = [one.offer.name for one in self.spec.evaluators if INSIDE in one.offer.capabilities]
        if looking and not shows:
            line = f"{', '.join(looking)} needs model internals, which the {subject} model does not offer here"
            self.problems.append(f"evaluators: {line}")

    def produced(self, offer: Offer, accepted: str) -> str:
        if accepted not in offer.accepts:
            formats = ", ".join(offer.accepts)
            self.problems.append(f"{offer.port}: {offer.name} takes {formats}, but here it would be given {accepted}")
        return offer.produces[0]

    def bridge(self, made: str, form: str, taker: Backend, phase: str) -> tuple[str, str] | None:
        """Return the stage and format for the taker, after inserting a conversion where one is needed.

        ``None``, and a problem, where none fits.
        """
        accepted = taker.accepts
        if form in accepted:
            return made, form
        for offer in self.registry.offers("compressor"):
            if BRIDGE in offer.capabilities and form in offer.accepts and set(offer.produces) & set(accepted):
                inputs = {"model": made, "data": "data"}
                self.stages.append(Stage(offer.name, "compress", (Backend(offer, {}),), inputs, phase=phase))
                return offer.name, offer.produces[0]
        takes, offer = ", ".join(accepted), taker.offer
        others = [one.name for one in self.registry.offers(offer.port) if form in one.accepts]
        instead = f"{', '.join(others)} would" if others else f"and no {offer.port.replace('_', ' ')} does"
        line = f"{offer.port}: {offer.name} takes {takes}, but the stage before it produces {form}; {instead}"
        self.problems.append(line)
        return None

    def loader(self, form: str) -> dict[str, Backend]:
        for offer in self.registry.offers("target_loader"):
            if form in offer.accepts:
                return {"loader": Backend(offer, {})}
        self.problems.append(f"evaluators: nothing here can load the format {form} to measure it")
        return {}

    def verifier(self) -> Backend:
        found = self.registry.find("verifier", "golden")
        if isinstance(found, Unknown):
            raise ConfigInvalid(found.reason)
        return Backend(found, {})


def needed(evaluators: Iterable[Backend]) -> dict[str, Any]:
    """Return the settings that tell a stage what its evaluators need of the data."""
    needs = any(OWN_CASES not in one.offer.capabilities for one in evaluators)
    return {} if needs else {"needs_examples": False}
