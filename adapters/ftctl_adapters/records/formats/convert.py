"""Convert rows to canonical examples, and account for each of their keys."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from attrs import frozen

from ftctl.domain.example import Example, Message
from ftctl_adapters.records.formats.detect import READERS
from ftctl_adapters.records.formats.keys import refuse_unused
from ftctl_adapters.records.formats.parsed import NotThisFormat, has
from ftctl_adapters.records.strict_json import Unreadable

OURS = frozenset({"metadata", "tools", "group", "functions"})
"""Keys that mean the same in every format."""


@frozen
class Read:
    """An example, and the row's keys by use.

    ``used`` by the format, ``kept`` as metadata, ``ignored`` on request. ``unreadable`` ones are not used and have no
    plain form, such as bytes.
    """

    example: Example
    used: frozenset[str]
    kept: frozenset[str]
    ignored: frozenset[str]
    unreadable: frozenset[str] = frozenset()


def to_example(
    row: Mapping[str, Any],
    form: str,
    where: str,
    byte: int | None = None,
    ignore: Collection[str] = (),
    *,
    trained: bool = True,
) -> Read:
    """Return the canonical example of a row that begins at this byte of its file.

    Args:
        row: its values by key; null is absent.
        form: the format's name.
        where: the row's place.
        byte: where it begins in its file, if known.
        ignore: keys that training should heed, and that the run file leaves out.
        trained: False for rows that are only compared with; all their unused keys are metadata.

    Raises:
        NotThisFormat: it lacks what the format needs, holds it in another type, or has a meaningful key that the
            format does not use.
    """
    left = frozenset(key for key in ignore if has(row, key))
    given = {key: value for key, value in row.items() if key not in left}
    parsed = READERS[form](given)
    if parsed.messages:
        _check_turns(parsed.messages)
    elif not parsed.text.strip():
        raise NotThisFormat("empty text")
    used = (parsed.used | OURS) & given.keys()
    if trained:
        refuse_unused(given, used, form, ignore)
    lost = frozenset(key for key, value in given.items() if key not in used and isinstance(value, Unreadable))
    rest = {key: value for key, value in given.items() if key not in used | lost}
    metadata = given.get("metadata") if has(given, "metadata") else {}
    metadata = metadata if isinstance(metadata, dict) else {"metadata": metadata}
    group = next((one for one in (given.get("group"), metadata.get("group")) if one is not None), "")
    if not isinstance(group, str | int | float):
        raise NotThisFormat(f"`group` must be text or a number, not {type(group).__name__}")
    example = Example(
        where, parsed.messages, parsed.text, parsed.rejected, str(group), _tools(given), metadata | rest, byte=byte
    )
    return Read(example, frozenset(used), frozenset(rest), left, lost)


def _tools(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tools of a row, as a list of schemas or as its JSON."""
    given = [row[key] for key in ("tools", "functions") if row.get(key) not in (None, [], "")]
    if len(given) > 1:
        raise NotThisFormat("`tools` and `functions` are both given; leave one out: data_source.ignore_keys")
    value = given[0] if given else None
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else []
        except ValueError as error:
            raise NotThisFormat(f"`tools` is text that is no JSON: {error}") from error
    value = [] if value is None else value
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        raise NotThisFormat("`tools` must be a list of schemas, or its JSON")
    return value


def _check_turns(messages: tuple[Message, ...]) -> None:
    if messages[-1].role != "assistant":
        raise NotThisFormat(f"the last turn is {messages[-1].role}'s; nothing to learn from")
    if not any(m.role == "assistant" and m.weight for m in messages):
        raise NotThisFormat("no assistant turn has a weight other than 0")
    for place, message in enumerate(messages):
        if message.role == "assistant" and message.weight and not message.said.strip():
            raise NotThisFormat(f"turn {place + 1}: the answer is empty")
        if message.role == "system" and place:
            raise NotThisFormat(f"turn {place + 1}: a system turn must come first")
    if messages[0].role == "assistant" and len(messages) == 1:
        raise NotThisFormat("an answer needs a turn before it")
