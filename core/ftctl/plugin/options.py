"""Declare a backend's options as one attrs class: the source of command line, schema, docs and validation."""

from collections.abc import Sequence
from typing import Any, TypeVar, dataclass_transform

import attrs

T = TypeVar("T")


def option(
    default: Any = attrs.NOTHING,
    *,
    help: str,
    choices: Sequence[Any] | None = None,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    location: bool = False,
) -> Any:
    """Declare a documented option; without a default it is required.

    Args:
        default: an immutable value.
        help: one sentence for the reference and ``--help``.
        choices: the values that are allowed.
        ge: lower bound, included.
        gt: lower bound, excluded.
        le: upper bound, included.
        lt: upper bound, excluded.
        location: it says where something lies, whose content is in the backend's ``fingerprint()``: no part of the
            identity of what is made of it.
    """
    bounds = {name: value for name, value in (("ge", ge), ("gt", gt), ("le", le), ("lt", lt)) if value is not None}
    metadata = {"help": help, "choices": tuple(choices) if choices else None, "bounds": bounds, "location": location}
    return attrs.field(default=default, metadata=metadata)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(option,))
def options(cls: type[T]) -> type[T]:
    """Make a class of annotated `option` fields a frozen, keyword-only options class."""
    return attrs.frozen(cls, kw_only=True)
