"""Check plain values against an options class and report all problems at once."""

import operator
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ftctl.domain.names import nearest
from ftctl.plugin.names_elsewhere import called_here

_OPERATORS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "ge": ("at least", operator.ge),
    "gt": ("more than", operator.gt),
    "le": ("at most", operator.le),
    "lt": ("less than", operator.lt),
}


class Mistyped(Exception):
    """A value has another type than the option; the text says what was expected."""


def check_options(kind: type, values: Mapping[str, Any], path: str) -> tuple[dict[str, Any], list[str]]:
    """Return the valid values, and one line for each problem, with its path.

    Args:
        kind: an options class.
        values: what the user wrote, as plain JSON types.
        path: where in the run file these options stand.
    """
    fields = {field.name: field for field in attrs.fields(kind)}
    hints = typing.get_type_hints(kind)
    problems, good = [], {}
    for name, value in values.items():
        if name not in fields:
            problems.append(unknown_key(f"{path}.{name}", name, fields))
            continue
        try:
            good[name] = convert(value, hints[name])
            problems += _bounds(f"{path}.{name}", good[name], fields[name].metadata)
        except Mistyped as error:
            problems.append(f"{path}.{name}: {error}, not {value!r}")
    required = [name for name, field in fields.items() if field.default is attrs.NOTHING and name not in values]
    problems += [f"{path}.{name}: missing; {fields[name].metadata['help']}" for name in required]
    return good, problems


def unknown_key(path: str, name: str, known: Mapping[str, Any] | typing.Iterable[str]) -> str:
    """Return the message about an unknown key."""
    names = list(known)
    meant = called_here(name, names) or nearest(name, names)
    return f"{path}: unknown key" + (f"; did you mean {meant!r}?" if meant else f"; known: {', '.join(sorted(names))}")


def convert(value: Any, hint: Any) -> Any:
    """Convert a value to the annotated type; only an int may become a float.

    Raises:
        Mistyped: it is of another type.
    """
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(value, typing.get_args(hint))
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise Mistyped("must be a list")
        return tuple(convert(item, typing.get_args(hint)[0]) for item in value)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise Mistyped("must be a mapping")
        return {str(key): convert(item, typing.get_args(hint)[1]) for key, item in value.items()}
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > 2**1023:
            raise Mistyped("must be a number in range")
        return float(value)
    if isinstance(value, hint) and not (isinstance(value, bool) and hint is not bool):
        return value
    raise Mistyped(f"must be {_SPOKEN.get(hint, hint.__name__)}")


_SPOKEN = {int: "a whole number", float: "a number", str: "text", bool: "true or false", types.NoneType: "null"}


def _convert_union(value: Any, kinds: tuple[Any, ...]) -> Any:
    expected = []
    for kind in kinds:
        try:
            return convert(value, kind)
        except Mistyped as error:
            expected.append(str(error).removeprefix("must be "))
    raise Mistyped("must be " + " or ".join(expected))


def _bounds(path: str, value: Any, metadata: Mapping[str, Any]) -> list[str]:
    choices = metadata.get("choices")
    several = value if isinstance(value, tuple) else (value,)
    wrong = [one for one in several if choices and one is not None and one not in choices]
    if wrong and choices:
        meant = nearest(str(wrong[0]), [str(choice) for choice in choices])
        hint = f"; did you mean {meant!r}?" if meant else ""
        return [f"{path}: must be one of {', '.join(map(str, choices))}, not {wrong[0]!r}{hint}"]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    if value != value or value in (float("inf"), float("-inf")):
        return [f"{path}: must be a finite number, not {value!r}"]
    failed = [(word, bound) for word, bound in metadata["bounds"].items() if not _OPERATORS[word][1](value, bound)]
    if not failed:
        return []
    limits = " and ".join(f"{_OPERATORS[word][0]} {bound:g}" for word, bound in metadata["bounds"].items())
    return [f"{path}: must be {limits}, not {value!r}"]
