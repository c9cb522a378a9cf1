"""A clock that moves only when told to."""

from collections.abc import Callable

from attrs import define

from ftctl.ports.clock import Clock


@define
class FakeClock(Clock):
    """``on_sleep`` is called with every sleep, for example to stop a server that is waited for."""

    at: float = 1_000_000.0
    on_sleep: Callable[[float], None] | None = None

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        if self.on_sleep:
            self.on_sleep(seconds)
