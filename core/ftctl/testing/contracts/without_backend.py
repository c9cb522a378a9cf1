"""Planning calls in an interpreter without the backend's modules."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from ftctl.domain.codec import from_plain, to_plain
from ftctl.domain.resources import ModelShape
from ftctl.plugin.offer import Offer, load
from ftctl.plugin.option_checks import check_options
from ftctl.testing.contracts.fresh_python import in_fresh_python
from ftctl.testing.contracts.offer import HEAVY

T = TypeVar("T")

PROGRAM = """
import json, sys
for name in {needs!r}:
    sys.modules[name] = None
from ftctl.domain.codec import from_plain, to_plain
from ftctl.domain.resources import ModelShape
from ftctl.plugin.offer import load
shape = from_plain(json.loads({shape!r}), ModelShape)
backend = load({factory!r})(load({options!r})(**{values!r}))
for rest in {rests!r}:
    found = getattr(backend, {method!r})(shape, *rest)
    print(json.dumps([type(found).__name__, to_plain(found)]))
print(json.dumps([name for name in {heavy!r} if sys.modules.get(name)]))
"""


def without_backend(
    found: Offer,
    values: dict[str, Any],
    method: str,
    shape: ModelShape,
    rests: Sequence[tuple[Any, ...]],
    kind: type[T],
) -> list[T]:
    """Return the results of ``method(shape, *rest)`` for each of the rests, one after another.

    Raises:
        AssertionError: it cannot answer so.
    """
    good, _ = check_options(load(found.options), values, "values")
    program = PROGRAM.format(
        needs=[need.module for need in found.needs],
        shape=json.dumps(to_plain(shape)),
        factory=found.factory,
        options=found.options,
        values=good,
        rests=tuple(rests),
        method=method,
        heavy=HEAVY,
    )
    *answers, heavy = map(json.loads, in_fresh_python(program).splitlines())
    assert not heavy, f"to answer {method} it imports {heavy}"
    assert all(name == kind.__name__ for name, _ in answers), f"{method} must return a {kind.__name__}"
    return [from_plain(plain, kind) for _, plain in answers]
