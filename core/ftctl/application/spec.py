"""Resolved run: every backend found, every option checked and filled in."""

import re
from typing import Any

from attrs import field, fields, frozen

from ftctl.application.dataset.mixed import Mixing
from ftctl.domain.codec import digest, to_plain
from ftctl.domain.job import PluginRef
from ftctl.domain.launch import Endpoint
from ftctl.domain.split import SplitShares
from ftctl.plugin.capabilities import OUTSIDE
from ftctl.plugin.offer import Offer, load
from ftctl.plugin.options import option, options

OVER = r"base|tuned|compressed|run:[^:]+(:(base|tuned|compressed|served))?"
"""What a gate can compare with."""


@frozen
class Backend:
    """A chosen backend and its complete options."""

    offer: Offer
    options: dict[str, Any]

    @property
    def accepts(self) -> tuple[str, ...]:
        """Return the formats that the backend accepts with these options."""
        further = [formats for name, formats in self.offer.accepts_with.items() if self.options.get(name)]
        return (*self.offer.accepts, *(one for formats in further for one in formats))

    @property
    def outside(self) -> bool:
        """Return True if the evaluator runs beside the model and its program in another environment."""
        return OUTSIDE in self.offer.capabilities

    def reference(self) -> PluginRef:
        """Return the reference that a job carries."""
        return PluginRef(self.offer.name, self.offer.factory, self.offer.options, self.options, self.offer.owner)

    def document(self) -> dict[str, Any]:
        """Return the backend as an entry of a run file."""
        return {"use": self.offer.name, **to_plain(self.options)}

    def identity(self) -> list[Any]:
        """Return what a stage key depends on: name, version, source, options, and digests of named files."""
        places = self._places()
        options = {name: value for name, value in self.options.items() if name not in places}
        source = [self.offer.source] if self.offer.source else []
        return [self.offer.full_name, self.offer.version, options, *source]

    def reads(self) -> bool:
        """Return True if an option names a file whose content matters."""
        return any(self.options.get(name) for name in self._places())

    def _places(self) -> set[str]:
        return {field.name for field in fields(load(self.offer.options)) if field.metadata.get("location")}


@options
class DataSettings:
    """Keys of ``data_source`` that hold for every source."""

    split: dict[str, float] = option(
        {}, help="Shares of the rows for `validation` and `test`, 0.1 each unless given; the rest trains."
    )
    split_field: str | None = option(
        None, help="Key of `metadata` that says `train`, `validation` or `test`; rows without it are drawn."
    )
    data_seed: int = option(42, help="Seed of the split; the same seed gives the same split.", ge=0)
    skip_invalid: int = option(0, help="Largest number of invalid rows to skip; more of them end the run.", ge=0)

    def shares(self) -> SplitShares:
        """Return the shares of the splits."""
        return SplitShares(**self.split)


@options
class DataLimits:
    """Keys of ``data_source`` that say how a data set is made, and change nothing in it."""

    memory_mb: int = option(1024, help="Memory of steps that see all rows, in MiB; beyond it they use the disk.", ge=16)

    def settings(self) -> dict[str, Any]:
        """Return the limits as settings of the data stage."""
        return {"memory_bytes": self.memory_mb << 20}


@options
class Gate:
    """A condition on a metric; every bound that is given must hold."""

    metric: str = option(help="Name of the metric.")
    of: str | None = option(
        None, help="Model variant; null: the last that was measured.", choices=("tuned", "compressed", "served")
    )
    over: str = option(
        "base",
        help="Compared with: `base`, `tuned`, `compressed`, or an earlier run: `run:ID`, `run:ID:base` and so on.",
    )
    min_value: float | None = option(None, help="Lowest value allowed.")
    max_value: float | None = option(None, help="Highest value allowed.")
    min_gain: float | None = option(None, help="Lowest difference to `over` allowed.")
    max_ratio: float | None = option(None, help="Highest ratio to `over` allowed.", gt=0)
    confidence: float | None = option(
        None, help="Required confidence, such as 0.95; null: compare the point estimate.", gt=0.5, lt=1
    )
    on_inconclusive: str = option("fail", help="Result of a gate that is inconclusive.", choices=("fail", "warn"))

    def problems(self) -> list[str]:
        """Return contradictions between the gate's options, one line each."""
        return (
            []
            if re.fullmatch(OVER, self.over)
            else [f"over: must be base, tuned, compressed or run:ID, not {self.over!r}"]
        )


@frozen(kw_only=True)
class RunSpec:
    """Everything a run depends on."""

    model: str
    model_revision: str | None
    data_sources: tuple[Backend, ...]
    mixing: Mixing
    data: DataSettings
    limits: DataLimits
    engine: Backend
    tuner: Backend
    objective: Backend
    launcher: Backend
    evaluators: tuple[Backend, ...]
    compressor: Backend | None
    server: Backend | None
    monitors: tuple[Backend, ...]
    data_steps: tuple[Backend, ...] = ()
    dataset: str | None = None
    """A data set that is there already, in the place of what source and steps would make."""
    chat_template: str | None = None
    """File or name of the chat template that takes the place of the model's own."""
    template_date: str | None = None
    """Day (ISO 8601) that a template which asks for the clock is told."""
    extender: Backend | None = None
    """What gives the base model the tokens of ``add_tokens``."""
    endpoint: Endpoint | None = None
    """A server that is there already: it is measured, and nothing is tuned."""
    evaluate_served: bool = False
    """Whether the model is measured once more behind its server."""
    asker: Backend | None = None
    """What asks a server."""
    gates: tuple[Gate, ...] = ()
    environments: dict[str, str] = field(factory=dict)
    seed: int = 42
    lacking: tuple[str, ...] = ()
    """Environments and modules that backends need and this machine lacks, a line each; refused when it is planned."""

    def document(self) -> dict[str, Any]:
        """Return the run file that resolves to this spec."""
        added: dict[str, Any] = {"add_tokens": list(self.extender.options["tokens"])} if self.extender else {}
        chat = {"chat_template": self.chat_template, "template_date": self.template_date}
        added |= {key: value for key, value in chat.items() if value}
        steps = {"data_steps": [step.document() for step in self.data_steps]} if self.data_steps else {}
        return {
            "model": self.model,
            "model_revision": self.model_revision,
            **added,
            "data_source": self.sources() | to_plain(self.data) | to_plain(self.limits) | self.working(),
            **steps,
            **({"dataset": self.dataset} if self.dataset else {}),
            "tuner": self.tuner.document()
            | {"objective": self.objective.offer.name}
            | to_plain(self.objective.options)
            | self.launching(),
            "evaluators": [backend.document() for backend in self.evaluators],
            "compressor": self.compressor.document() if self.compressor else "none",
            "server": self.server.document() if self.server else "none",
            "monitors": [backend.document() for backend in self.monitors],
            **self.asking(),
            "gates": [{k: v for k, v in to_plain(gate).items() if v is not None} for gate in self.gates],
            "environments": {name: {"python": python} for name, python in self.environments.items()},
            "seed": self.seed,
        }

    def sources(self) -> dict[str, Any]:
        """Return the keys of ``data_source`` that name sources."""
        if len(self.data_sources) == 1:
            return self.data_sources[0].document()
        return {"sources": [source.document() for source in self.data_sources], **to_plain(self.mixing)}

    def working(self) -> dict[str, Any]:
        """Return the keys of ``data_source`` that choose the engine."""
        return {"engine": self.engine.offer.name, **to_plain(self.engine.options)}

    def launching(self) -> dict[str, Any]:
        """Return the keys of ``tuner`` that choose the launcher."""
        return {"launcher": self.launcher.offer.name, **to_plain(self.launcher.options)}

    def asking(self) -> dict[str, Any]:
        """Return the keys that name the evaluated server."""
        if self.asker is None:
            return {}
        told = {key: value for key, value in self.asker.document().items() if key != "use"}
        named = to_plain(self.endpoint) if self.endpoint else {}
        return {"endpoint": named | told} | ({} if self.endpoint else {"evaluate_served": True})

    @property
    def run_id(self) -> str:
        """Return the id of the run's folder: equal specs share one, so an interrupted run continues.

        Who watches makes no difference, nor does how many processes share the work.
        """
        decisive = {key: value for key, value in self.document().items() if key != "monitors"}
        limits = to_plain(self.limits) | self.working()
        decisive["data_source"] = {key: value for key, value in decisive["data_source"].items() if key not in limits}
        decisive["tuner"] = {key: value for key, value in decisive["tuner"].items() if key not in self.launching()}
        kind = "endpoint" if self.endpoint else self.tuner.offer.name
        return f"{kind}-{digest(decisive)[:10]}"
