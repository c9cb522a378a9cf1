"""Find backends through entry points, loaded one at a time, so that a broken plugin affects no other."""

import time
from collections.abc import Callable, Iterable
from copy import deepcopy
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy
from attrs import frozen

from ftctl.domain.names import nearest
from ftctl.errors import PluginBroken, UsageError
from ftctl.plugin import hooks
from ftctl.plugin.containment import contained
from ftctl.plugin.manifest import Broken, Manifest, read_manifest
from ftctl.plugin.offer import OWN_DIST, PORTS, Offer

GROUP = "ftctl.plugins"


@frozen
class Unknown:
    """A name that no backend or several have; ``reason`` is one line, ``broken`` if it exists but is unusable."""

    reason: str
    broken: bool = False


@frozen
class _Found:
    """An entry point with its distribution."""

    point: EntryPoint
    dist: str
    version: str


def installed_entry_points() -> Iterable[EntryPoint]:
    """Return the entry points of this interpreter."""
    return entry_points(group=GROUP)


class Registry:
    """Registry of the backends that can be named.

    First-party manifests are read first; those of other distributions only when a name is not found among them, so
    that an installed plugin nobody names is never imported.
    """

    def __init__(
        self,
        find: Callable[[], Iterable[EntryPoint]] = installed_entry_points,
        *,
        only: frozenset[str] = frozenset(),
        without: frozenset[str] = frozenset(),
        strict: bool = False,
        seconds: float = 10.0,
    ) -> None:
        """Initialise; ``only`` and ``without`` are entry-point names to load or skip (empty: all, none).

        ``strict`` makes the first broken plugin an error. A manifest that takes more than ``seconds`` is broken.
        """
        self._strict, self._seconds = strict, seconds
        self._find, self._only, self._without = find, only, without
        self._manager = pluggy.PluginManager(hooks.PROJECT)
        self._manager.add_hookspecs(hooks)
        self._offers: list[Offer] = []
        self._broken: list[Broken] = []
        self._took: dict[str, float] = {}
        self._waiting: list[_Found] | None = None

    def offers(self, port: str | None = None) -> list[Offer]:
        """Return all offers, by port and name."""
        self._load_foreign()
        chosen = [offer for offer in self._offers if port in (None, offer.port)]
        return sorted(chosen, key=lambda offer: (PORTS.index(offer.port), offer.name, offer.dist))

    def entry_points(self) -> list[EntryPoint]:
        """Return the entry points of the group, loaded or not."""
        return list(self._find())

    def broken(self) -> list[Broken]:
        """Return the plugins that cannot be used."""
        self._load_foreign()
        return list(self._broken)

    def slow(self, seconds: float) -> list[tuple[str, float]]:
        """Return manifests that took longer than this to read, as ``dist:name``, with seconds."""
        self._load_foreign()
        return sorted((name, took) for name, took in self._took.items() if took > seconds)

    def find(self, port: str, name: str) -> Offer | Unknown:
        """Return the backend of this name (``name`` or ``dist:name``); built-in names cannot be taken by others."""
        self._load_own()
        own = [offer for offer in self._offers if offer.port == port and name in (offer.name, offer.full_name)]
        if own and own[0].dist == OWN_DIST:
            return own[0]
        candidates = [offer for offer in self.offers(port) if name in (offer.name, offer.full_name)]
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            owners = " and ".join(f"{offer.full_name}" for offer in candidates)
            return Unknown(f"{name!r} is offered twice; name one: {owners}")
        return self._unknown(port, name)

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call a hook of every loaded plugin, each with copies of the arguments.

        One that raises is recorded, and the others are still called.
        """
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            dist, _, name = implementation.plugin_name.partition(":")
            owner = "" if dist == OWN_DIST else implementation.plugin_name
            try:
                with contained(owner, f"{hook}()"):
                    implementation.function(**{name: deepcopy(arguments[name]) for name in implementation.argnames})
            except Exception as error:
                self._broken.append(Broken(name, dist, "", hook, f"{type(error).__name__}: {error}"))

    def _unknown(self, port: str, name: str) -> Unknown:
        spoken = port.replace("_", " ")
        for broken in self._broken:
            if name in (broken.name, f"{broken.dist}:{broken.name}"):
                whose = f"{spoken} {name!r} of {broken.dist} {broken.version}"
                return Unknown(f"{whose} is broken ({broken.phase}): {broken.error}; {broken.remedy}", broken=True)
        known = [offer.name for offer in self._offers if offer.port == port]
        meant = nearest(name, known)
        hint = f"did you mean {meant!r}? " if meant else ""
        return Unknown(f"no {spoken} {name!r}; {hint}known: {', '.join(sorted(known))}")

    def _load_own(self) -> None:
        if self._waiting is not None:
            return
        points = list(self._find())
        names = {point.name for point in points}
        if self._only - names:
            text = f"FTCTL_PLUGINS: no plugin {min(self._only - names)!r} is installed"
            raise UsageError(text, next_step=f"there are: {', '.join(sorted(names))}")
        self._waiting = []
        for found in _found(points):
            if found.point.name in self._without or (self._only and found.point.name not in self._only):
                continue
            if found.dist == OWN_DIST:
                self._load(found)
            else:
                self._waiting.append(found)

    def _load_foreign(self) -> None:
        self._load_own()
        waiting, self._waiting = self._waiting or [], []
        for found in waiting:
            self._load(found)

    def _load(self, one: _Found) -> None:
        point, dist, version = one.point, one.dist, one.version
        started = time.perf_counter()
        found = read_manifest(point, dist, version, self._seconds)
        self._took[f"{dist}:{point.name}"] = time.perf_counter() - started
        if isinstance(found, Manifest):
            found = self._registered(found, point.name, dist, version)
        if isinstance(found, Manifest):
            self._offers += found.offers
            return
        self._broken.append(found)
        if self._strict:
            text = f"plugin {point.name} of {dist} {version}: {found.phase}: {found.error}"
            raise PluginBroken(text, next_step=found.remedy)

    def _registered(self, found: Manifest, name: str, dist: str, version: str) -> Manifest | Broken:
        """Return the manifest and register its hooks."""
        full = f"{dist}:{name}"
        try:
            self._manager.register(found.module, name=full)
        except Exception as error:
            if self._manager.has_plugin(full):
                self._manager.unregister(name=full)
            return Broken(name, dist, version, "hooks", f"{type(error).__name__}: {error}")
        return found


def _found(points: Iterable[EntryPoint]) -> list[_Found]:
    """Return entry points by distribution and name; each distribution is read once."""
    read: dict[int, tuple[str, str]] = {}
    found = []
    for point in points:
        dist = point.dist
        if id(dist) not in read:
            read[id(dist)] = (dist.name, dist.version) if dist else ("unknown", "0")
        found.append(_Found(point, *read[id(dist)]))
    return sorted(found, key=lambda one: (one.dist, one.point.name))
