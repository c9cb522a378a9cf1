"""Resolve the data stage of a run file: sources, mixing, common options, operators, engine."""

from collections.abc import Mapping
from typing import Any

import attrs

from ftctl.application.dataset.mixed import IN_TURN, Mixing
from ftctl.application.resolve_backend import BackendResolver, option_names
from ftctl.application.run_file_defaults import LOCAL
from ftctl.application.spec import Backend, DataLimits, DataSettings
from ftctl.application.step_order import misplaced
from ftctl.domain.names import nearest
from ftctl.domain.split import DEFAULT_SHARE
from ftctl.plugin.offer import Offer
from ftctl.plugin.option_checks import check_options, unknown_key


def resolve_data_engine(resolver: BackendResolver, entry: Any) -> tuple[Backend | None, Any]:
    """Resolve the engine of the data stage, and return the entry without the engine's keys."""
    values = dict(entry) if isinstance(entry, Mapping) else {}
    found = resolver.within(values, "engine", LOCAL, "data_source")
    return found, values if isinstance(entry, Mapping) else entry


def resolve_data_source(
    resolver: BackendResolver, entry: Any
) -> tuple[tuple[Backend, ...], Mixing, DataSettings, DataLimits]:
    """Resolve sources, mixing and the options of every source; a list stands for ``{sources: […]}``."""
    entry = {"sources": entry} if isinstance(entry, list) else entry
    if not isinstance(entry, Mapping) or "sources" not in entry:
        name, own = resolver.use(entry, "data_source")
        settings, limits = _common_options(resolver, DataSettings, own), _common_options(resolver, DataLimits, own)
        resolver.problems += _misspelled_common_keys(resolver, name, own)
        one = resolver.backend("data_source", {"use": name, **own}, "data_source") if name else None
        return ((one,) if one else ()), IN_TURN, settings, limits
    own = dict(entry)
    settings, limits, mixing = (
        _common_options(resolver, DataSettings, own),
        _common_options(resolver, DataLimits, own),
        _common_options(resolver, Mixing, own),
    )
    sources = resolver.several("data_source", own.pop("sources"), "data_source.sources")
    shared: tuple[Any, ...] = (DataSettings, DataLimits, Mixing)
    known = ("sources", *(field.name for kind in shared for field in attrs.fields(kind)))
    resolver.problems += [unknown_key(f"data_source.{key}", key, known) for key in own if key not in known]
    resolver.problems += [] if sources else ["data_source.sources: name one at least"]
    resolver.problems += mixing.problems(len(sources)) if sources else []
    return sources, mixing, settings, limits


def _misspelled_common_keys(resolver: BackendResolver, name: str | None, own: dict[str, Any]) -> list[str]:
    """Take out keys that are misspelled common options, and return a problem for each.

    A key is one if it is no option of the source, resembles a common option, and resembles none of the source's.
    """
    found = resolver.registry.find("data_source", name) if name else None
    theirs = option_names(found) if isinstance(found, Offer) else set()
    shared: tuple[Any, ...] = (DataSettings, DataLimits)
    common = [field.name for kind in shared for field in attrs.fields(kind)]
    strange = [key for key in own if key not in theirs and nearest(key, common) and not nearest(key, theirs)]
    return [unknown_key(f"data_source.{key}", key, common) for key in strange if own.pop(key, resolver) is not resolver]


def _common_options(resolver: BackendResolver, kind: Any, values: dict[str, Any]) -> Any:
    """Take the options that hold for every data source out of the values."""
    common = {field.name for field in attrs.fields(kind)}
    good, problems = check_options(kind, {key: values.pop(key) for key in list(values) if key in common},
                                   "data_source")  # fmt: skip
    problems += _share_problems(good.get("split", {}))
    resolver.problems += problems
    return kind() if problems else kind(**good)


def resolve_data_steps(resolver: BackendResolver, entries: Any) -> tuple[Backend, ...]:
    """Resolve the operators of the data stage and check their order."""
    found = resolver.several("data_operator", entries, "data_steps")
    resolver.problems += misplaced([step.offer for step in found])
    return found


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
