"""From a resolved run to its stages: checks formats from stage to stage and inserts what bridges them."""

from attrs import define, field

from ftctl.application.spec import Backend, RunSpec
from ftctl.application.stage import Stage
from ftctl.domain.codec import to_plain
from ftctl.domain.format import HF
from ftctl.errors import ConfigInvalid
from ftctl.plugin.offer import BRIDGE, Offer
from ftctl.plugin.registry import Registry, Unknown

PHASES = ("data", "labels", "tune", "evaluate", "compress", "serve", "verify")
"""Where a run can be told to end."""


def build_chain(spec: RunSpec, registry: Registry, until: str = "verify", labels: int = 0) -> list[Stage]:
    """The stages of the run in their order, up to and including the phase ``until``.

    The phase ``labels`` shows the label mask of that many examples and ends; other runs do not have it.

    Raises:
        ConfigInvalid: backends that do not fit each other, all of them at once.
    """
    chain = _Chain(spec, registry, PHASES.index(until), labels)
    chain.build()
    if chain.problems:
        raise ConfigInvalid(
            "the backends of this run do not fit each other",
            next_step="`ftctl plugins` shows which formats each accepts and produces",
            details=tuple(chain.problems),
        )
    return chain.stages


@define
class _Chain:
    spec: RunSpec
    registry: Registry
    last: int
    labels: int
    stages: list[Stage] = field(factory=list)
    problems: list[str] = field(factory=list)

    def reaches(self, phase: str) -> bool:
        return PHASES.index(phase) <= self.last

    def build(self) -> None:
        spec, settings = self.spec, to_plain(self.spec.data)
        self.stages.append(Stage("model", "admit", ()))
        self.stages.append(Stage("data", "dataset", (spec.data_source,), settings=settings))
        if self.labels:
            inputs, shown = {"model": "model", "data": "data"}, {"count": self.labels}
            self.stages.append(Stage("labels", "labels", (spec.tuner,), inputs, settings=shown))
        if not self.reaches("tune"):
            return
        if self.reaches("evaluate"):
            self.evaluate("baseline", "model", "base", HF)
        self.stages.append(Stage("tune", "tune", (spec.tuner,), {"model": "model", "data": "data"}))
        made, form = "tune", self.produced(spec.tuner.offer, HF)
        if self.reaches("evaluate"):
            self.evaluate("evaluate", made, "tuned", form)
        if spec.compressor and self.reaches("compress"):
            made, form = self.bridge(made, form, spec.compressor.offer)
            inputs = {"model": made, "data": "data"}
            self.stages.append(Stage("compress", "compress", (spec.compressor,), inputs))
            made, form = "compress", self.produced(spec.compressor.offer, form)
            self.evaluate("evaluate-compressed", made, "compressed", form)
        if spec.server and self.reaches("serve"):
            made, form = self.bridge(made, form, spec.server.offer)
            self.stages.append(Stage("serve", "serve", (spec.server,), {"model": made}))
            self.stages.append(Stage("verify", "verify", (self.verifier(),), {"model": made}))

    def evaluate(self, name: str, model: str, subject: str, form: str) -> None:
        if not self.spec.evaluators:
            return
        loader = self.loader(form)
        inputs = {"model": model, "data": "data"}
        self.stages.append(Stage(name, "evaluate", self.spec.evaluators, inputs, subject, loader=loader))

    def produced(self, offer: Offer, accepted: str) -> str:
        if accepted not in offer.accepts:
            formats = ", ".join(offer.accepts)
            self.problems.append(f"{offer.port}: {offer.name} takes {formats}, but here it would be given {accepted}")
        return offer.produces[0]

    def bridge(self, made: str, form: str, taker: Offer) -> tuple[str, str]:
        """The stage and format to hand to the taker, after inserting a conversion where one is needed."""
        if form in taker.accepts:
            return made, form
        for offer in self.registry.offers("compressor"):
            if BRIDGE in offer.capabilities and form in offer.accepts and set(offer.produces) & set(taker.accepts):
                self.stages.append(Stage(offer.name, "compress", (Backend(offer, {}),), {"model": made}))
                return offer.name, offer.produces[0]
        takes = ", ".join(taker.accepts)
        self.problems.append(f"{taker.port}: {taker.name} takes {takes}, but the stage before it produces {form}")
        return made, taker.accepts[0] if taker.accepts else form

    def loader(self, form: str) -> Backend | None:
        for offer in self.registry.offers("target_loader"):
            if form in offer.accepts:
                return Backend(offer, {})
        self.problems.append(f"evaluators: nothing here can load the format {form} to measure it")
        return None

    def verifier(self) -> Backend:
        found = self.registry.find("verifier", "golden")
        if isinstance(found, Unknown):
            raise ConfigInvalid(found.reason)
        return Backend(found, {})
