"""Map the names that rows have to those of the formats: columns, keys below them, and those of turns."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from ftctl.domain.names import nearest
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.formats import FORMAT_KEYS, NotThisFormat

FIELDS = (*FORMAT_KEYS, "input", "system", "history", "tools", "group", "metadata")
"""Names that rows can be mapped to."""

TURN_LISTS = ("messages", "conversations", "chosen", "rejected")
TURN_FIELDS = ("role", "content", "tool_calls", "tool_call_id", "name", "reasoning_content", "weight")
ROLES = ("system", "user", "assistant", "tool")
SHAREGPT = {"role": "from", "content": "value"}


@frozen
class RowMapping:
    """``names`` maps a format's key to the row's, which may lie deeper (``data.question``, ``answers.0.text``).

    ``turn_names`` does so for keys of turns, and ``roles`` maps the words that rows have for roles to those of OpenAI.
    """

    names: Mapping[str, str] = field(factory=dict)
    turn_names: Mapping[str, str] = field(factory=dict)
    roles: Mapping[str, str] = field(factory=dict)

    def check(self) -> None:
        """Refuse names that no format has.

        Raises:
            DataSourceError: with the likeliest name.
        """
        known = {"names": (self.names, FIELDS), "turn_names": (self.turn_names, TURN_FIELDS)}
        known["roles"] = ({role: role for role in self.roles.values()}, ROLES)
        for option, (given, fields) in known.items():
            unknown = next((name for name in given if name not in fields), None)
            if unknown is not None:
                meant = nearest(unknown, fields)
                hint = f"; did you mean {meant!r}?" if meant else f"; known: {', '.join(fields)}"
                what = "no role is called" if option == "roles" else "no format has"
                raise DataSourceError(f"data_source.{option}: {what} {unknown!r}{hint}")

    def missing(self, values: Mapping[str, Any]) -> str | None:
        """Return the first mapped name that a row lacks."""
        return next((theirs for theirs in self.names.values() if not _reach(values, theirs)[0]), None)

    def applied(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a row under the formats' names.

        Raises:
            NotThisFormat: a name is there under both names.
        """
        if self.names:
            values = self._named(values)
        if not (self.turn_names or self.roles):
            return values
        return {key: self._turns(key, value) if key in TURN_LISTS else value for key, value in values.items()}

    def _named(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        theirs = {name for name in self.names.values() if name in values}
        both = [our for our in self.names if our in values and our not in theirs]
        if both:
            raise NotThisFormat(f"has {both[0]!r}, and {self.names[both[0]]!r}, which is mapped to it")
        found = {our: _reach(values, name)[1] for our, name in self.names.items()}
        return found | {key: value for key, value in values.items() if key not in theirs}

    def _turns(self, key: str, value: Any) -> Any:
        if not isinstance(value, list) or not all(isinstance(turn, Mapping) for turn in value):
            return value
        return [self._turn(turn, SHAREGPT if key == "conversations" else {}) for turn in value]

    def _turn(self, turn: Mapping[str, Any], style: Mapping[str, str]) -> dict[str, Any]:
        ours = {name: style.get(our, our) for our, name in self.turn_names.items()}
        renamed = {ours.get(name, name): value for name, value in turn.items()}
        role = style.get("role", "role")
        if isinstance(renamed.get(role), str):
            renamed[role] = self.roles.get(renamed[role], renamed[role])
        return renamed


def _reach(values: Any, path: str) -> tuple[bool, Any]:
    """Return whether a name or a path is there, and its value."""
    if isinstance(values, Mapping) and path in values:
        return True, values[path]
    for key in path.split("."):
        if isinstance(values, Mapping) and key in values:
            values = values[key]
        elif isinstance(values, list) and key.isdecimal() and int(key) < len(values):
            values = values[int(key)]
        else:
            return False, None
    return True, values
