"""The offer: names, paths, options, what is imported."""

import os
import time
from typing import Any, ClassVar

import pytest
from attrs import define

from ftctl.domain.event import Event
from ftctl.plugin import Need, option, options
from ftctl.testing.fakes import FakeMonitor
from tests.contract.broken.monitor import Watch

HERE = "tests.contract.broken.offer"


@options
class Silent:
    fails_at: str = option("", help=" ")


@options
class Mistyped:
    fails_at: int = option("", help="Says a whole number, and is a text.")


@options
class Greedy:
    fails_at: str = option("", help="Nothing.")
    no_such_option: int = option(0, help="Takes the name of what is unknown.")


@define(kw_only=True)
class Soft:
    fails_at: str = option("", help="Can be changed afterwards.")


class Hungry(FakeMonitor):
    def __init__(self, options: Any) -> None:
        import numpy  # noqa: F401

        super().__init__(options)


class Loud(FakeMonitor):
    def __init__(self, options: Any) -> None:
        print("hello")
        super().__init__(options)


class Test_it_has_a_name_and_says_what_it_is_in_a_line(Watch):
    change: ClassVar[dict[str, Any]] = {"summary": " "}


class Test_its_paths_lead_to_a_backend_of_its_port(Watch):
    kind = "Anything"


class Anything:
    """Does what a monitor does, and is none."""

    def __init__(self, options: Any) -> None:
        self._fake = FakeMonitor(options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fake, name)


class Test_its_options_are_frozen_and_each_has_help(Watch):
    change: ClassVar[dict[str, Any]] = {"options": f"{HERE}:Silent"}


class Test_its_options_survive_json(Watch):
    change: ClassVar[dict[str, Any]] = {"options": f"{HERE}:Mistyped"}


class Test_an_unknown_option_is_refused_with_its_path(Watch):
    change: ClassVar[dict[str, Any]] = {"options": f"{HERE}:Greedy"}


class Test_a_missing_dependency_is_told_with_its_remedy(Watch):
    change: ClassVar[dict[str, Any]] = {"needs": (Need("nosuchmodule", ""),)}


class Test_its_manifest_is_light(Watch):
    @pytest.fixture
    def manifest(self) -> str:
        return "tests.contract.heavy_manifest"


class Test_it_can_be_made_without_what_it_needs_and_prints_nothing(Watch):
    kind = "Loud"


class Test_it_can_be_made_without_what_it_needs_and_prints_nothing__heavy(Watch):
    kind = "Hungry"


class Straying(FakeMonitor):
    def emit(self, event: Event) -> None:
        os.environ["STRAYING"] = str(time.monotonic_ns())
        super().emit(event)


class Test_it_leaves_the_process_as_it_was(Watch):
    kind = "Straying"


class Test_its_options_are_frozen_and_each_has_help__mutable(Watch):
    change: ClassVar[dict[str, Any]] = {"options": f"{HERE}:Soft"}


class Test_its_capabilities_are_known(Watch):
    change: ClassVar[dict[str, Any]] = {"capabilities": ("resmue",)}
