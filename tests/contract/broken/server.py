"""Servers."""

import shutil
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import evolve

from ftctl.domain.artifact import Artifact
from ftctl.domain.launch import Address, LaunchSpec
from ftctl.plugin import GUARDED
from ftctl.testing import tiny_model
from ftctl.testing.contracts import (
    ServerContract,
)
from ftctl.testing.fakes import FakeServer
from tests.contract.broken.base import Broken


class Serve(Broken, ServerContract):
    @pytest.fixture
    def model(self, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
        """A copy that may be spoiled."""
        folder = tmp_path_factory.mktemp("served") / "model"
        shutil.copytree(tiny_model().path, folder)
        return evolve(tiny_model(), path=str(folder))


class Flawed(FakeServer):
    """The fake, started with a flaw."""

    flaw = ""

    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        spec = super().launch(model, address, python)
        return evolve(spec, argv=(*spec.argv, "--flaw", self.flaw))


class Everywhere(FakeServer):
    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        return super().launch(model, evolve(address, host="0.0.0.0"), python)


class Homeless(FakeServer):
    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        spec = super().launch(model, address, python)
        return evolve(spec, argv=tuple(part for part in spec.argv if part not in ("--host", address.host)))


class Test_requests_from_elsewhere_are_refused(Serve):
    """The stand-in answers whoever asks."""

    change: ClassVar[dict[str, Any]] = {"capabilities": (GUARDED,)}


class Unlisted(Flawed):
    flaw = "no-models"


class Mute(Flawed):
    flaw = "empty"


class Stuttering(Flawed):
    flaw = "stream"


class Alone(Flawed):
    flaw = "single"


class Trusting(Flawed):
    flaw = "trusting"


class Scribbling(FakeServer):
    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        Path(model.path, "cache").write_text("mine")
        return super().launch(model, address, python)


class Test_its_command_stays_on_the_address_that_it_was_given(Serve):
    kind = "Everywhere"


class Test_its_command_stays_on_the_address_that_it_was_given__unsaid(Serve):
    kind = "Homeless"


class Test_it_lists_the_model_by_the_name_that_requests_use(Serve):
    kind = "Unlisted"


class Test_it_answers_with_text(Serve):
    kind = "Mute"


class Test_pieces_of_a_stream_are_the_whole_answer(Serve):
    kind = "Stuttering"


class Test_malformed_requests_are_refused_and_the_next_is_answered(Serve):
    kind = "Trusting"


class Test_eight_requests_at_once_are_all_answered(Serve):
    kind = "Alone"


class Test_the_model_is_only_read_while_it_is_served(Serve):
    kind = "Scribbling"


class Escaping(Flawed):
    """Serves from a process of another group, which nobody finds."""

    flaw = "escape"


class Test_nothing_listens_once_it_is_stopped(Serve):
    kind = "Escaping"


class Elsewhere(Flawed):
    flaw = "elsewhere"

    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        return evolve(super().launch(model, address, python), start_timeout=3)


class Test_a_port_in_use_ends_it(Serve):
    kind = "Elsewhere"


class Blind(FakeServer):
    """Loads nothing before somebody asks."""

    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        spec = super().launch(model, address, python)
        return evolve(spec, argv=tuple(part for part in spec.argv if part not in ("--folder", model.path)))


class Test_weights_that_are_cut_off_are_refused_before_it_is_ready(Serve):
    kind = "Blind"


class Apart(Flawed):
    """Serves from a child, and does not look after it."""

    flaw = "apart"


class Test_it_ends_when_what_listens_was_killed(Serve):
    kind = "Apart"
