"""The fake of a port with one thing changed; a class is called after the test that it must fail."""

from typing import Any, ClassVar

import pytest
from attrs import evolve

from ftctl.plugin import Offer
from ftctl.plugin.registry import Registry, Unknown
from ftctl.testing.offers import fake_entry_points, ftctl_offers


class Only(Registry):
    """Knows one offer of its port, and the fakes of others."""

    def __init__(self, offer: Offer) -> None:
        super().__init__(fake_entry_points)
        self._offer = offer

    def find(self, port: str, name: str) -> Offer | Unknown:
        return self._offer if port == self._offer.port else super().find(port, name)


class Broken:
    """The fake of the port, with something else in the place of a part; ``change`` is for the offer."""

    kind: ClassVar[str] = ""
    change: ClassVar[dict[str, Any]] = {}
    port: ClassVar[str]

    @pytest.fixture
    def offer(self) -> str:
        return "fake"

    @pytest.fixture
    def registry(self) -> Registry:
        usual = next(one for one in ftctl_offers() if (one.port, one.name) == (self.port, "fake"))
        factory = {"factory": f"{type(self).__module__}:{self.kind}"} if self.kind else {}
        return Only(evolve(usual, **factory, **self.change))

    @pytest.fixture
    def manifest(self) -> str:
        return "ftctl.testing.offers"
