"""Base of all contracts; no test is skipped silently."""

import functools
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import pytest

from ftctl.plugin.offer import CONTRACT_VERSION, Offer

T = TypeVar("T", bound=Callable[..., Any])


class Contract:
    """A class of tests that others inherit.

    ``expected_failures`` names tests that are known to fail, with the reason: they must fail, or the suite does. A
    class that would override a test of a contract cannot be made.
    """

    contract_version: ClassVar[int] = CONTRACT_VERSION
    expected_failures: ClassVar[dict[str, str]] = {}
    _is_contract: ClassVar[bool] = False

    def __init_subclass__(cls, *, contract: bool = False, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        cls._is_contract = contract
        owners = [base for base in cls.__mro__ if vars(base).get("_is_contract")]
        promised = {name for base in owners for name in vars(base) if name.startswith("test_")}
        taken = sorted(name for name in promised if not _is_theirs(cls, name, owners))
        if taken:
            step = "use expected_failures to say what is known to fail"
            raise TypeError(f"{cls.__name__} overrides {', '.join(taken)} of its contract; {step}")
        own = {name for name in dir(cls) if name.startswith("test_")}
        strange = sorted(cls.expected_failures.keys() - own)
        if strange:
            raise TypeError(f"{cls.__name__}.expected_failures names no test of its contract: {', '.join(strange)}")
        for name, reason in cls.expected_failures.items():
            setattr(cls, name, _expected(getattr(cls, name), reason))

    @pytest.fixture(autouse=True)
    def _declared(self, request: pytest.FixtureRequest) -> None:
        wanted = getattr(request.function, "capability", None)
        if wanted:
            found: Offer = request.getfixturevalue("found")
            if wanted not in found.capabilities:
                pytest.skip(f"{found.full_name} does not declare {wanted!r}")


def _is_theirs(cls: type, name: str, owners: list[type]) -> bool:
    """Return True if the test that runs is the contract's own, or a copy that is known to fail."""
    owner = next(base for base in cls.__mro__ if name in vars(base))
    return owner in owners or getattr(vars(owner)[name], "is_expected", False)


def _expected(test: Callable[..., Any], reason: str) -> Callable[..., Any]:
    """Return the test, changed to pass only if it or its fixtures fail."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> Any:
        return test(*arguments, **named)

    run.is_expected = True  # type: ignore[attr-defined]
    marked: Callable[..., Any] = pytest.mark.xfail(reason=reason, strict=True)(run)
    return marked


def capability(name: str) -> Callable[[T], T]:
    """Mark a test of a capability: skipped if not declared; if declared, skipping is a failure."""

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
