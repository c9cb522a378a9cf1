"""Resolve a run file, given as plain values, to a `RunSpec`; report every problem at once."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from ftctl.application.resolve_backend import BackendResolver
from ftctl.application.resolve_data import resolve_data_engine, resolve_data_source, resolve_data_steps
from ftctl.application.resolve_endpoint import resolve_endpoint
from ftctl.application.run_file_defaults import (
    ABSENT,
    DEFAULT_OBJECTIVE,
    DEFAULTS,
    EXTENDER,
    KEYS,
    NO_ENDPOINT,
    SEVERAL,
    SINGLE,
    UNTUNED,
)
from ftctl.application.spec import Backend, Gate, RunSpec
from ftctl.domain.names import is_name
from ftctl.errors import ConfigInvalid, PluginBroken
from ftctl.plugin.option_checks import check_options, unknown_key
from ftctl.plugin.registry import Registry
from ftctl.ports.environments import Environments


def resolve(document: Mapping[str, Any], registry: Registry, environments: Environments) -> RunSpec:
    """Return the run that the document describes; ``lacking`` has what is not installed for it.

    Raises:
        ConfigInvalid: with one line for each problem.
        PluginBroken: a plugin that was named cannot be imported, and nothing else is wrong.
    """
    return _RunFileResolver(registry, environments).spec(document)


def resolve_one(
    port: str, entry: Any, named: Any, registry: Registry, environments: Environments
) -> tuple[Backend, dict[str, str]]:
    """Resolve one backend alone, and the interpreters that are named for environments.

    Raises:
        ConfigInvalid: as `resolve`.
    """
    resolver = _RunFileResolver(registry, environments)
    resolver.named = resolver.named_environments(named or {})
    backend = resolver.backend(port, entry, port)
    problems = resolver.problems + resolver.lacking
    if problems or backend is None:
        raise ConfigInvalid("; ".join(problems), next_step="`ftctl plugins` lists every backend")
    return backend, resolver.named


class _RunFileResolver(BackendResolver):
    def spec(self, document: Mapping[str, Any]) -> RunSpec:
        self.problems += [unknown_key(key, key, KEYS) for key in document if key not in KEYS]
        values = {**DEFAULTS, **document}
        self.named = self.named_environments(values["environments"])
        engine, given = resolve_data_engine(self, values["data_source"])
        sources, mixing, settings, limits = resolve_data_source(self, given)
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
            "chat_template": self.typed("chat_template", values["chat_template"], str | None, "a file or a name"),
            "template_date": self.day(values["template_date"]),
            "extender": self.extender(values["add_tokens"]),
            "data_steps": resolve_data_steps(self, values["data_steps"]),
            "dataset": self.typed("dataset", values["dataset"], str | None),
            "evaluators": self.several("evaluator", values["evaluators"], "evaluators"),
            "compressor": self.optional("compressor", values["compressor"]),
            "server": self.optional("server", values["server"]),
            "monitors": self.several("monitor", values["monitors"], "monitors"),
            "gates": self.gates(values["gates"]),
            **resolve_endpoint(self, values["endpoint"], values["evaluate_served"], values["server"]),
            "seed": self.seed(values["seed"]),
        }
        if self.broken and self.problems == self.broken:
            raise PluginBroken("; ".join(self.broken), next_step="repair or uninstall it; `ftctl plugins` lists it")
        if self.problems or not (sources and engine and tuner and objective and launcher):
            problems = self.problems + self.lacking
            raise ConfigInvalid(
                f"the run has {len(problems)} problem{'s' if len(problems) > 1 else ''}",
                next_step="`ftctl config schema` lists every key, `ftctl plugins` every backend",
                details=tuple(problems),
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
            lacking=tuple(self.lacking),
            **parts,
        )

    def day(self, value: Any) -> str | None:
        if value is None:
            return None
        try:
            return date.fromisoformat(str(value)).isoformat()
        except ValueError:
            self.problems.append(f"template_date: must be a day such as 2026-01-31, not {value!r}")
            return None

    def seed(self, value: Any) -> Any:
        found = self.typed("seed", value, int)
        if found is not None and not 0 <= found < 2**63:
            self.problems.append(f"seed: must be at least 0 and less than 2^63, not {found!r}")
        return found

    def tuner(self, entry: Any) -> tuple[Backend | None, Backend | None, Backend | None]:
        """Resolve tuner, objective and launcher; options of the latter two stand among the tuner's."""
        name, values = self.use(entry, "tuner")
        objective = self.within(values, "objective", DEFAULT_OBJECTIVE)
        launcher = self.within(values, "launcher", SINGLE if values.get("engine", SINGLE) == SINGLE else SEVERAL)
        tuner = self.backend("tuner", {"use": name, **values}, "tuner") if name else None
        if tuner and launcher and tuner.options.get("engine") == SINGLE != launcher.offer.name:
            line = f"tuner.launcher: {launcher.offer.name} starts several processes; say tuner.engine: ddp"
            self.problems.append(line)
        return tuner, objective, launcher

    def extender(self, tokens: Any) -> Backend | None:
        """Resolve the operation that adds tokens to the model, if there are any."""
        if tokens in (*ABSENT, []):
            return None
        listed = self.typed("add_tokens", tokens, tuple[str, ...])
        return self.backend("compressor", {"use": EXTENDER, "tokens": listed}, "add_tokens") if listed else None

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
