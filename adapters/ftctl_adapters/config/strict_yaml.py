"""Read YAML 1.2 strictly: plain values only, no aliases, tags or duplicate keys, with line numbers."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, DocumentStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ftctl.bounded_file import read_bounded
from ftctl.errors import ConfigInvalid

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_DIGITS = 400
_TAG = "tag:yaml.org,2002:"


def read_yaml(path: Path) -> Any:
    """Return the document of a YAML file as plain values.

    Raises:
        ConfigInvalid: it cannot be read, or is not the plain YAML that a run file is.
    """
    try:
        data = read_bounded(path, MAX_BYTES)
    except OSError as error:
        raise ConfigInvalid(f"cannot read {path}: {error.strerror}", next_step="check the path") from error
    if len(data) > MAX_BYTES:
        raise ConfigInvalid(f"{path}: more than {MAX_BYTES} bytes, which no run file has", next_step="check the path")
    if not data.strip():
        raise ConfigInvalid(f"{path}: is empty", next_step="a run file has at least the key `model`")
    try:
        return parse_yaml(data.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigInvalid(f"{path}: byte {error.start} is not UTF-8") from error


def parse_yaml(text: str, name: str) -> Any:
    """Return the plain values of a YAML text; ``name`` stands in messages."""
    problems: list[str] = []
    try:
        _refuse_aliases_and_depth(text, name)
        node = _yaml().compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ConfigInvalid(f"{where}: not YAML: {error.problem}", next_step="correct that line") from error
    except YAMLError as error:
        raise ConfigInvalid(f"{name}: not YAML: {str(error).splitlines()[0]}", next_step="correct it") from error
    value = _value(node, name, problems) if node is not None else {}
    if problems:
        raise ConfigInvalid(f"{name} is not a plain run file", details=tuple(problems))
    return value


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    return yaml


def _refuse_aliases_and_depth(text: str, name: str) -> None:
    """Refuse aliases and deep nesting before anything is built, so that a YAML bomb costs no time."""
    depth = 0
    for event in _yaml().parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1
            raise ConfigInvalid(f"{name}:{line}: nested too deeply (limit {MAX_DEPTH})", next_step="flatten it")
        if isinstance(event, DocumentStartEvent) and event.version not in (None, (1, 2)):
            raise ConfigInvalid(f"{name}: %YAML {event.version} asks for other rules", next_step="use YAML 1.2")
        if isinstance(event, AliasEvent):
            line = event.start_mark.line + 1
            raise ConfigInvalid(f"{name}:{line}: aliases (*{event.anchor}) are off", next_step="write it out")


def _value(node: Node, name: str, problems: list[str]) -> Any:
    line = node.start_mark.line + 1
    kind = str(node.tag).removeprefix(_TAG)
    if isinstance(node, MappingNode) and kind == "map":
        return _mapping(node, name, problems)
    if isinstance(node, SequenceNode) and kind == "seq":
        return [_value(item, name, problems) for item in node.value]
    if isinstance(node, ScalarNode) and kind in _SCALARS:
        return _scalar(node.value, kind, f"{name}:{line}", problems)
    problems.append(f"{name}:{line}: the tag {node.tag} is not allowed")
    return None


def _mapping(node: MappingNode, name: str, problems: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = key_node.value
        if not isinstance(key, str):
            problems.append(f"{name}:{line}: a key must be text")
            continue
        if key in found:
            problems.append(f"{name}:{line}: key {key!r} is there twice")
        found[key] = _value(value_node, name, problems)
    return found


def _scalar(text: str, kind: str, where: str, problems: list[str]) -> Any:
    if kind in ("int", "float") and len(text) > MAX_DIGITS:
        problems.append(f"{where}: a number of {len(text)} characters (limit {MAX_DIGITS})")
        return None
    return _SCALARS[kind](text)


def _integer(text: str) -> int:
    return int(text.replace("_", ""), 0) if text.lstrip("+-")[:2] in ("0x", "0o", "0b") else int(text.replace("_", ""))


_SCALARS: dict[str, Any] = {
    "str": str,
    "int": _integer,
    "float": lambda text: float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan")),
    "bool": lambda text: text.lower() == "true",
    "null": lambda _text: None,
    "timestamp": str,
}
