"""Resolve backends that a run file names: find the offer, check its needs and its options."""

import contextlib
from collections.abc import Mapping
from typing import Any

import attrs

from ftctl.application.requirements import lacking
from ftctl.application.run_file_defaults import ABSENT
from ftctl.application.spec import Backend
from ftctl.errors import PluginBroken
from ftctl.plugin.containment import contained
from ftctl.plugin.offer import Offer, load
from ftctl.plugin.option_checks import Mistyped, check_options, convert
from ftctl.plugin.registry import Registry, Unknown
from ftctl.ports.environments import Environments

REPEATABLE = ("data_operator", "data_source")
"""Ports of which one backend may be named several times."""


class BackendResolver:
    """Resolves one entry after the other and collects every problem.

    ``problems`` has a line for each; ``broken`` those of plugins that cannot be imported; ``lacking`` has one for each
    environment or module that is not installed; ``named`` maps environments to the interpreters that the run file
    gives.
    """

    def __init__(self, registry: Registry, environments: Environments) -> None:
        self.registry, self.environments = registry, environments
        self.problems: list[str] = []
        self.lacking: list[str] = []
        self.named: dict[str, str] = {}
        self.broken: list[str] = []

    def typed(self, path: str, value: Any, hint: Any, meaning: str = "") -> Any:
        """Convert a plain value to a type; a value that cannot be is a problem, and ``None``."""
        try:
            return convert(value, hint)
        except Mistyped as error:
            missing = f"{path}: missing; {meaning}"
            self.problems.append(missing if value is None else f"{path}: {error}, not {value!r}")
            return None

    def optional(self, port: str, entry: Any) -> Backend | None:
        """Resolve a backend that may be left out."""
        return None if entry in ABSENT else self.backend(port, entry, port)

    def several(self, port: str, entries: Any, path: str) -> tuple[Backend, ...]:
        """Resolve a list of backends of one port."""
        if entries in ABSENT:
            return ()
        listed = entries if isinstance(entries, list) else [entries]
        found = [self.backend(port, entry, f"{path}[{place}]") for place, entry in enumerate(listed)]
        names = [backend.offer.name for backend in found if backend]
        twice = {name for name in names if names.count(name) > 1} if port not in REPEATABLE else set()
        self.problems += [f"{path}: {name!r} is named twice" for name in sorted(twice)]
        return tuple(backend for backend in found if backend)

    def backend(self, port: str, entry: Any, path: str) -> Backend | None:
        """Resolve the backend that an entry names, with its options; ``None`` with a problem where that fails."""
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
        """Split an entry into the backend's name and its options."""
        if isinstance(entry, str):
            return entry, {}
        if isinstance(entry, Mapping) and isinstance(entry.get("use"), str):
            return str(entry["use"]), {key: value for key, value in entry.items() if key != "use"}
        self.problems.append(f"{path}: must be a backend's name or a mapping with the key `use`, not {entry!r}")
        return None, {}

    def options(self, offer: Offer, values: Mapping[str, Any], path: str) -> dict[str, Any] | None:
        """Check options against the offer's options class, and fill in defaults."""
        name = f"{offer.full_name} {offer.version}"
        try:
            with contained(name if offer.owner else "", "the import of its options"):
                kind = load(offer.options)
        except PluginBroken as error:
            self._broken(f"{path}.use: {error.what}")
            return None
        except Exception as error:
            self._broken(f"{path}.use: {name} cannot be loaded: {type(error).__name__}: {error}")
            return None
        good, problems = check_options(kind, values, path)
        self.problems += problems
        return None if problems else attrs.asdict(kind(**good), recurse=False)

    def _broken(self, line: str) -> None:
        self.broken.append(line)
        self.problems.append(line)

    def needs(self, offer: Offer, path: str) -> None:
        """Add a line if the environment or a module of the backend is missing."""
        line = lacking(offer, self.environments, self.named)
        self.lacking += [f"{path}.use: {line}"] if line else []

    def installable(self, port: str) -> str:
        """List the backends of a port that a pip install would bring."""
        lines = []
        for offer in self.registry.offers(port):
            missing = self.environments.missing(offer.environment, tuple(need.module for need in offer.needs))
            lines += [f"{offer.name} (pip install '{n.install}')" for n in offer.needs[:1] if n.module in missing]
        return f"; installable: {', '.join(lines)}" if lines else ""

    def within(self, values: dict[str, Any], port: str, default: str, section: str = "tuner") -> Backend | None:
        """Resolve the backend of a secondary port that a section names, and take its options out of the section."""
        wanted = values.pop(port, default)
        if not isinstance(wanted, str):
            self.problems.append(f"{section}.{port}: must be the name of one, not {wanted!r}")
            return None
        found = self.registry.find(port, wanted)
        theirs = option_names(found) if isinstance(found, Offer) else set()
        asked = {key: values.pop(key) for key in list(values) if key in theirs}
        return self.backend(port, {"use": wanted, **asked}, f"{section}.{port}")


def option_names(offer: Offer) -> set[str]:
    """Return the names of a backend's options; none if they cannot be loaded, which resolving it reports."""
    with contextlib.suppress(Exception), contained(offer.full_name if offer.owner else "", "the import of its options"):
        return {field.name for field in attrs.fields(load(offer.options))}
    return set()
