"""Merge run file, backend switches and ``--set`` into one document; later ones win."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from ftctl.application.run_file_defaults import DEFAULTS
from ftctl.errors import ConfigInvalid
from ftctl_adapters.config.strict_yaml import parse_yaml, read_yaml

QUICKSTART = Path(__file__).with_name("quickstart.yaml")
SCALARS = ("model", "model_revision", "seed")


def compose(path: Path | None, switches: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Return the run document.

    Args:
        path: the run file; without one, the embedded default.
        switches: backends named on the command line by top-level key; ``None`` values were not given.
        settings: ``path=value`` texts, e.g. ``tuner.rank=8``; values are YAML.

    Raises:
        ConfigInvalid: the file or a setting cannot be understood.
    """
    document = read_yaml(path or QUICKSTART)
    if not isinstance(document, dict):
        raise ConfigInvalid(f"{path}: a run file is a mapping with the key `model`", next_step="ftctl config schema")
    if path is None and _is_other_work(document, switches, settings):
        # rates, batches and lengths of the example are for its model and its rows
        for key in ("tuner", "evaluators"):
            document[key] = _names_alone(document[key])
    if path is None and not switches.get("compressor"):
        # what nobody asked for is for the example's own tuner and server, and must not stand in the way of others
        for key in ("tuner", "server"):
            if switches.get(key) not in (None, "none"):
                document["compressor"] = _unless_same(document, key, switches[key], document["compressor"])
    for key, value in switches.items():
        if value is not None:
            document[key] = _switched(document.get(key), value)
    for setting in settings:
        apply_setting(document, setting)
    return document


def _is_other_work(document: Mapping[str, Any], switches: Mapping[str, Any], settings: Sequence[str]) -> bool:
    """Return True if another model or other rows are named than those of the embedded run."""
    named = {"model": document["model"], "data_source": document["data_source"]["use"]}
    switched = any(switches.get(key) not in (None, name) for key, name in named.items())
    return switched or any(setting.partition("=")[0] in ("model", "data_source.use") for setting in settings)


def _names_alone(section: Any) -> Any:
    """Return a section with its backends' names and no options."""
    if isinstance(section, list):
        return [_names_alone(entry) for entry in section]
    return {"use": section["use"]} if isinstance(section, dict) else section


def _unless_same(document: Mapping[str, Any], key: str, name: Any, kept: Any) -> Any:
    current = document[key]
    return kept if name == (current.get("use") if isinstance(current, dict) else current) else "none"


def _switched(current: Any, name: Any) -> Any:
    """Return the switched section: the file's backend keeps its options, another starts from defaults."""
    if isinstance(name, list | tuple):
        return [_switched_in(current, one) for one in name]
    return current if isinstance(current, dict) and current.get("use") == name else name


def _switched_in(current: Any, name: str) -> Any:
    listed = current if isinstance(current, list) else []
    return next((entry for entry in listed if isinstance(entry, dict) and entry.get("use") == name), name)


def parse_setting(setting: str) -> tuple[str, Any]:
    """Parse ``path=value``; the value is YAML, but a blank and ``#`` begin no comment in it.

    Raises:
        ConfigInvalid: it is no such text.
    """
    path, equals, text = setting.partition("=")
    if not equals or not all(path.split(".")):
        raise ConfigInvalid(f"--set {setting}: must be path=value", next_step="for example --set tuner.rank=8")
    value = parse_yaml(text, f"--set {path}") if text else None
    return path, text if isinstance(value, str) and text.startswith(value) and " #" in text else value


def apply_setting(document: dict[str, Any], setting: str) -> None:
    """Set one key of a run document by ``path=value``; the value is YAML.

    Raises:
        ConfigInvalid: the setting cannot be understood.
    """
    path, value = parse_setting(setting)
    keys = path.split(".")
    if keys[0] not in document and keys[0] in DEFAULTS:
        document[keys[0]] = deepcopy(DEFAULTS[keys[0]])
    if keys[0] in SCALARS and len(keys) > 1:
        raise ConfigInvalid(f"--set {setting}: {keys[0]} has no keys", next_step="for example --set tuner.rank=8")
    place: Any = document
    for key in keys[:-1]:
        place = _step(place, key, setting)
    if isinstance(place, list):
        place[_index(place, keys[-1], setting)] = value
    else:
        place[keys[-1]] = value


def _step(place: Any, key: str, setting: str) -> Any:
    if isinstance(place, list):
        slot: Any = _index(place, key, setting)
    else:
        slot = key
        place.setdefault(key, {})
    if isinstance(place[slot], str):
        place[slot] = {"use": place[slot]}
    if not isinstance(place[slot], dict | list):
        raise ConfigInvalid(f"--set {setting}: {key} is not a mapping")
    return place[slot]


def _index(place: list[Any], key: str, setting: str) -> int:
    names = [entry.get("use") if isinstance(entry, dict) else entry for entry in place]
    if key in names:
        return names.index(key)
    if key.isdecimal() and int(key) < len(place):
        return int(key)
    raise ConfigInvalid(f"--set {setting}: no entry {key!r}; there are {', '.join(map(str, names))}")
