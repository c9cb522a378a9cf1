"""From a run file as plain values to a `RunSpec`, with every problem found in one go."""

import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from ftctl.application.dataset.mixed import IN_TURN, Mixing
from ftctl.application.needs import lacking
from ftctl.application.spec import Backend, DataLimits, DataSettings, Gate, RunSpec
from ftctl.application.step_order import misplaced
from ftctl.domain.launch import Endpoint
from ftctl.domain.names import is_name, nearest
from ftctl.domain.split import DEFAULT_SHARE
from ftctl.errors import ConfigInvalid, PluginBroken
from ftctl.plugin.checking import Mistyped, check_options, convert, unknown_key
from ftctl.plugin.offer import Offer, load
from ftctl.plugin.registry import Registry, Unknown
from ftctl.ports.environments import Environments

DEFAULTS: dict[str, Any] = {
    "model_revision": None,
    "add_tokens": [],
    "data_source": "pydoc",
    "data_steps": [],
    "dataset": None,
    "tuner": "lora",
    "evaluators": ["text-metrics", "perplexity"],
    "compressor": "none",
    "server": "none",
    "monitors": ["console"],
    "endpoint": {},
    "evaluate_served": False,
    "gates": [],
    "environments": {},
    "seed": 42,
}
"""What a key that is left out means."""

DEFAULT_OBJECTIVE = "sft"
EXTENDER = "add-tokens"
ASKER = "openai"
"""What asks a server that is measured."""

UNTUNED = "builtin:tiny"
"""The model of a run that tunes none."""

LOCAL = "local"
"""The engine of the data stage where none is named."""

SINGLE, SEVERAL = "single", "torchrun"
"""The launchers of an engine of one process, and of others where none is named."""

KEYS = ("model", *DEFAULTS)
REPEATABLE = ("data_operator", "data_source")
"""Ports of which one backend may be named several times."""
_ABSENT = (None, "none", False)
NO_ENDPOINT: tuple[Any, ...] = (*_ABSENT, {})


def resolve(document: Mapping[str, Any], registry: Registry, environments: Environments) -> RunSpec:
    """The run that the document describes.

    Raises:
        ConfigInvalid: with one line for each problem, all of them.
        PluginBroken: a plugin that was named cannot be imported, and nothing else is wrong.
    """
    return _Resolver(registry, environments).spec(document)


def resolve_one(
    port: str, entry: Any, named: Any, registry: Registry, environments: Environments
) -> tuple[Backend, dict[str, str]]:
    """One backend alone, and the interpreters that are named for environments.

    Raises:
        ConfigInvalid: as `resolve`.
    """
    resolver = _Resolver(registry, environments)
    resolver.named = resolver.named_environments(named or {})
    backend = resolver.backend(port, entry, port)
    if resolver.problems or backend is None:
        raise ConfigInvalid("; ".join(resolver.problems), next_step="`ftctl plugins` lists every backend")
    return backend, resolver.named


class _Resolver:
    def __init__(self, registry: Registry, environments: Environments) -> None:
        self.registry, self.environments = registry, environments
        self.problems: list[str] = []
        self.named: dict[str, str] = {}
        self.broken: list[str] = []

    def spec(self, document: Mapping[str, Any]) -> RunSpec:
        self.problems += [unknown_key(key, key, KEYS) for key in document if key not in KEYS]
        values = {**DEFAULTS, **document}
        self.named = self.named_environments(values["environments"])
        engine, given = self.engine(values["data_source"])
        sources, mixing, settings, limits = self.data(given)
        tuner, objective, launcher = self.tuner(values["tuner"])
        untuned = UNTUNED if values["endpoint"] not in NO_ENDPOINT else None
        parts: dict[str, Any] = {
            "model": self.typed(
                "model",
                values.get("model", untuned),
                str,
                "a folder, a hub name or builtin:tiny",
            ),
            "model_revision": self.typed("model_revision", values["model_revision"], str | None),
            "extender": self.extender(values["add_tokens"]),
            "data_steps": self.steps(values["data_steps"]),
            "dataset": self.typed("dataset", values["dataset"], str | None),
            "evaluators": self.several("evaluator", values["evaluators"], "evaluators"),
            "compressor": self.optional("compressor", values["compressor"]),
            "server": self.optional("server", values["server"]),
            "monitors": self.several("monitor", values["monitors"], "monitors"),
            "gates": self.gates(values["gates"]),
            **self.served(values["endpoint"], values["evaluate_served"], values["server"]),
            "seed": self.seed(values["seed"]),
        }
        if self.broken and self.problems == self.broken:
            raise PluginBroken("; ".join(self.broken), next_step="repair or uninstall it; `ftctl plugins` lists it")
        if self.problems or not (sources and engine and tuner and objective and launcher):
            raise ConfigInvalid(
                f"the run has {len(self.problems)} problem{'s' if len(self.problems) > 1 else ''}",
                next_step="`ftctl config schema` lists every key, `ftctl plugins` every backend",
                details=tuple(self.problems),
            )
        return RunSpec(
            data_sources=sources,
            mixing=mixing,
            data=settings,
            limits=limits,
            engine=engine,
            tuner=tuner,
            objective=objective,
            launcher=launcher,
            environments=self.named,
            **parts,
        )

    def typed(self, path: str, value: Any, hint: Any, meaning: str = "") -> Any:
        try:
            return convert(value, hint)
        except Mistyped as error:
            missing = f"{path}: missing; {meaning}"
            self.problems.append(missing if value is None else f"{path}: {error}, not {value!r}")
            return None

    def seed(self, value: Any) -> Any:
        found = self.typed("seed", value, int)
        if found is not None and not 0 <= found < 2**63:
            self.problems.append(f"seed: must be at least 0 and less than 2^63, not {found!r}")
        return found

    def optional(self, port: str, entry: Any) -> Backend | None:
        return None if entry in _ABSENT else self.backend(port, entry, port)

    def several(self, port: str, entries: Any, path: str) -> tuple[Backend, ...]:
        if entries in _ABSENT:
            return ()
        listed = entries if isinstance(entries, list) else [entries]
        found = [self.backend(port, entry, f"{path}[{place}]") for place, entry in enumerate(listed)]
        names = [backend.offer.name for backend in found if backend]
        twice = {name for name in names if names.count(name) > 1} if port not in REPEATABLE else set()
        self.problems += [f"{path}: {name!r} is named twice" for name in sorted(twice)]
        return tuple(backend for backend in found if backend)

    def steps(self, entries: Any) -> tuple[Backend, ...]:
        """The operators of the data stage, in an order that can be."""
        found = self.several("data_operator", entries, "data_steps")
        self.problems += misplaced([step.offer for step in found])
        return found

    def backend(self, port: str, entry: Any, path: str) -> Backend | None:
        name, values = self.use(entry, path)
        if name is None:
            return None
        found = self.registry.find(port, name)
        if isinstance(found, Unknown):
            line = f"{path}.use: {found.reason}"
            self.broken += [line] if found.broken else []
            self.problems.append(line if found.broken else line + self.installable(port))
            return None
        self.needs(found, path)
        options = self.options(found, values, path)
        return None if options is None else Backend(found, options)

    def use(self, entry: Any, path: str) -> tuple[str | None, dict[str, Any]]:
        if isinstance(entry, str):
            return entry, {}
        if isinstance(entry, Mapping) and isinstance(entry.get("use"), str):
            return str(entry["use"]), {key: value for key, value in entry.items() if key != "use"}
        self.problems.append(f"{path}: must be a backend's name or a mapping with the key `use`, not {entry!r}")
        return None, {}

    def options(self, offer: Offer, values: Mapping[str, Any], path: str) -> dict[str, Any] | None:
        try:
            kind = load(offer.options)
        except Exception as error:
            name = f"{offer.full_name} {offer.version}"
            self.problems.append(f"{path}.use: {name} cannot be loaded: {type(error).__name__}: {error}")
            return None
        good, problems = check_options(kind, values, path)
        self.problems += problems
        return None if problems else attrs.asdict(kind(**good), recurse=False)

    def needs(self, offer: Offer, path: str) -> None:
        line = lacking(offer, self.environments, self.named)
        self.problems += [f"{path}.use: {line}"] if line else []

    def installable(self, port: str) -> str:
        lines = []
        for offer in self.registry.offers(port):
            missing = self.environments.missing(offer.environment, tuple(need.module for need in offer.needs))
            lines += [f"{offer.name} (pip install '{n.install}')" for n in offer.needs[:1] if n.module in missing]
        return f"; installable: {', '.join(lines)}" if lines else ""

    def engine(self, entry: Any) -> tuple[Backend | None, Any]:
        """What does the data stage's work, and the entry without its keys."""
        values = dict(entry) if isinstance(entry, Mapping) else {}
        found = self.within(values, "engine", LOCAL, "data_source")
        return found, values if isinstance(entry, Mapping) else entry

    def data(self, entry: Any) -> tuple[tuple[Backend, ...], Mixing, DataSettings, DataLimits]:
        """Sources, how several are mixed, and what holds for all: a list stands for ``{sources: […]}``."""
        entry = {"sources": entry} if isinstance(entry, list) else entry
        if not isinstance(entry, Mapping) or "sources" not in entry:
            name, own = self.use(entry, "data_source")
            settings, limits = self.shared(DataSettings, own), self.shared(DataLimits, own)
            self.problems += self.meant_for_all(name, own)
            one = self.backend("data_source", {"use": name, **own}, "data_source") if name else None
            return ((one,) if one else ()), IN_TURN, settings, limits
        own = dict(entry)
        settings, limits, mixing = (
            self.shared(DataSettings, own),
            self.shared(DataLimits, own),
            self.shared(Mixing, own),
        )
        sources = self.several("data_source", own.pop("sources"), "data_source.sources")
        shared: tuple[Any, ...] = (DataSettings, DataLimits, Mixing)
        known = ("sources", *(field.name for kind in shared for field in attrs.fields(kind)))
        self.problems += [unknown_key(f"data_source.{key}", key, known) for key in own if key not in known]
        self.problems += [] if sources else ["data_source.sources: name one at least"]
        self.problems += mixing.problems(len(sources)) if sources else []
        return sources, mixing, settings, limits

    def meant_for_all(self, name: str | None, own: dict[str, Any]) -> list[str]:
        """Lines for keys that neither the source nor every source knows, but which resemble one of the latter's.

        Such keys are taken out.
        """
        found = self.registry.find("data_source", name) if name else None
        theirs = _option_names(found) if isinstance(found, Offer) else set()
        shared: tuple[Any, ...] = (DataSettings, DataLimits)
        common = [field.name for kind in shared for field in attrs.fields(kind)]
        strange = [key for key in own if key not in theirs and nearest(key, common) and not nearest(key, theirs)]
        return [unknown_key(f"data_source.{key}", key, common) for key in strange if own.pop(key, self) is not self]

    def shared(self, kind: Any, values: dict[str, Any]) -> Any:
        """Options that hold for every data source, taken out of the values."""
        common = {field.name for field in attrs.fields(kind)}
        good, problems = check_options(kind, {key: values.pop(key) for key in list(values) if key in common},
                                       "data_source")  # fmt: skip
        problems += _share_problems(good.get("split", {}))
        self.problems += problems
        return kind() if problems else kind(**good)

    def tuner(self, entry: Any) -> tuple[Backend | None, Backend | None, Backend | None]:
        """The tuner, and the objective and the launcher, whose options stand among the tuner's own."""
        name, values = self.use(entry, "tuner")
        objective = self.within(values, "objective", DEFAULT_OBJECTIVE)
        launcher = self.within(values, "launcher", SINGLE if values.get("engine", SINGLE) == SINGLE else SEVERAL)
        tuner = self.backend("tuner", {"use": name, **values}, "tuner") if name else None
        if tuner and launcher and tuner.options.get("engine") == SINGLE != launcher.offer.name:
            line = f"tuner.launcher: {launcher.offer.name} starts several processes; say tuner.engine: ddp"
            self.problems.append(line)
        return tuner, objective, launcher

    def extender(self, tokens: Any) -> Backend | None:
        """What gives the model further tokens, where there are any."""
        if tokens in (*_ABSENT, []):
            return None
        listed = self.typed("add_tokens", tokens, tuple[str, ...])
        return self.backend("compressor", {"use": EXTENDER, "tokens": listed}, "add_tokens") if listed else None

    def within(self, values: dict[str, Any], port: str, default: str, section: str = "tuner") -> Backend | None:
        """The backend of a secondary port that a section's mapping names; takes its options out of there."""
        wanted = values.pop(port, default)
        if not isinstance(wanted, str):
            self.problems.append(f"{section}.{port}: must be the name of one, not {wanted!r}")
            return None
        found = self.registry.find(port, wanted)
        theirs = _option_names(found) if isinstance(found, Offer) else set()
        asked = {key: values.pop(key) for key in list(values) if key in theirs}
        return self.backend(port, {"use": wanted, **asked}, f"{section}.{port}")

    def served(self, entry: Any, measured: Any, server: Any) -> dict[str, Any]:
        """The server that is measured: one that is there, or that of this run."""
        again = self.typed("evaluate_served", measured, bool)
        named = entry not in NO_ENDPOINT
        if not named and not again:
            return {}
        own = {"url": entry} if isinstance(entry, str) else dict(entry) if isinstance(entry, Mapping) else {}
        # an address that stands alone and is given a further key becomes `use` of what it is given to
        url, model = own.pop("url", own.pop("use", None)), own.pop("model", "")
        if url is not None and again:
            self.problems.append("endpoint: with a `url` nothing is served here; leave evaluate_served out")
            return {}
        if (url is None) != bool(again) or (named and not isinstance(entry, str | Mapping)):
            line = "needs a `url`, such as http://127.0.0.1:8000/v1; for this run's own server, evaluate_served: true"
            self.problems.append(f"endpoint: {line}")
            return {}
        if url is not None and not (isinstance(url, str) and url.startswith(("http://", "https://"))):
            self.problems.append(f"endpoint.url: must begin with http:// or https://, not {url!r}")
        name = self.typed("endpoint.model", model, str)
        if again and server in _ABSENT:
            self.problems.append("evaluate_served: this run has no server; name one, or the `endpoint` that is there")
        asker = self.backend("target_loader", {"use": ASKER, **own}, "endpoint")
        place = None if url is None else Endpoint(_with_path(str(url)), str(name))
        return {"endpoint": place, "evaluate_served": bool(again), "asker": asker}

    def gates(self, entries: Any) -> tuple[Gate, ...]:
        found = []
        for place, entry in enumerate(entries if isinstance(entries, list) else [entries]):
            if not isinstance(entry, Mapping):
                self.problems.append(f"gates[{place}]: must be a mapping with the key `metric`, not {entry!r}")
                continue
            good, problems = check_options(Gate, entry, f"gates[{place}]")
            self.problems += problems
            if not problems:
                gate = Gate(**good)
                self.problems += [f"gates[{place}].{line}" for line in gate.problems()]
                found.append(gate)
        return tuple(found)

    def named_environments(self, entry: Any) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in entry.items() if isinstance(entry, Mapping) else [("", entry)]:
            python = value.get("python") if isinstance(value, Mapping) and list(value) == ["python"] else None
            if not is_name(str(name)) or not isinstance(python, str):
                self.problems.append(f"environments.{name}: must be a mapping like {{vllm: {{python: /path}}}}")
            elif not self.environments.is_interpreter(python):
                self.problems.append(f"environments.{name}.python: {python!r} is no executable file")
            else:
                found[str(name)] = python
        return found


def _option_names(offer: Offer) -> set[str]:
    """Its options; none where they cannot be loaded, which is told when the backend is asked for."""
    with contextlib.suppress(Exception):
        return {field.name for field in attrs.fields(load(offer.options))}
    return set()


def _share_problems(split: Mapping[str, float]) -> list[str]:
    problems = [
        unknown_key(f"data_source.split.{key}", key, ("validation", "test"))
        for key in split
        if key not in ("validation", "test")
    ]
    problems += [
        f"data_source.split.{key}: must be at least 0 and less than 1, not {share!r}"
        for key, share in split.items()
        if not 0 <= share < 1
    ]
    shares = {"validation": DEFAULT_SHARE, "test": DEFAULT_SHARE, **split}
    if not problems and sum(shares.values()) >= 1:
        problems.append("data_source.split: the shares must leave rows to train on; their sum must be less than 1")
    return problems


def _with_path(url: str) -> str:
    """An address of an OpenAI-compatible server ends in a path; unless it says another, in ``/v1``."""
    return url.rstrip("/") if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/v1"
