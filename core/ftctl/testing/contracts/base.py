"""What every contract has in common: nothing is left out in silence."""

import functools
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import pytest

from ftctl.plugin.offer import Offer

T = TypeVar("T", bound=Callable[..., Any])


class Contract:
    """A class of tests that others inherit.

    ``expected_failures`` names tests that are known to fail, with the reason: they must fail, or the suite does. A
    class that would override a test of a contract cannot be made.
    """

    contract_version: ClassVar[int] = 1
    expected_failures: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls, *, contract: bool = False, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        inherited = {name for base in cls.__mro__[1:] for name in vars(base) if name.startswith("test_")}
        taken = sorted(inherited & vars(cls).keys())
        if taken:
            step = "use expected_failures to say what is known to fail"
            raise TypeError(f"{cls.__name__} overrides {', '.join(taken)} of its contract; {step}")
        strange = sorted(cls.expected_failures.keys() - inherited - vars(cls).keys())
        if strange:
            raise TypeError(f"{cls.__name__}.expected_failures names no test of its contract: {', '.join(strange)}")

    @pytest.fixture(autouse=True)
    def _expected(self, request: pytest.FixtureRequest) -> None:
        reason = self.expected_failures.get(request.node.originalname)
        if reason:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    @pytest.fixture(autouse=True)
    def _declared(self, request: pytest.FixtureRequest) -> None:
        wanted = getattr(request.function, "capability", None)
        if wanted:
            found: Offer = request.getfixturevalue("found")
            if wanted not in found.capabilities:
                pytest.skip(f"{found.full_name} does not declare {wanted!r}")


def capability(name: str) -> Callable[[T], T]:
    """Marks a test of a capability: left out where it is not declared; where it is, leaving it out is a failure."""

    def mark(test: T) -> T:
        @functools.wraps(test)
        def run(*arguments: Any, **named: Any) -> Any:
            try:
                return test(*arguments, **named)
            except pytest.skip.Exception as skipped:
                pytest.fail(f"the capability {name!r} is declared, and its test was left out: {skipped}")

        run.capability = name  # type: ignore[attr-defined]
        return run  # type: ignore[return-value]

    return mark
