"""What a backend is asked while a run is planned: it gets copies, and what it returns is checked."""

from copy import deepcopy
from typing import Any

import pytest

from ftctl.application.backend_calls import ask
from ftctl.application.spec import Backend
from ftctl.domain.resources import ModelShape, ResourcePlan
from ftctl.domain.verdict import Verdict
from ftctl.errors import PluginBroken
from ftctl.plugin import Offer, option, options

HERE = "tests.unit.test_planning_calls"


@options
class Some:
    table: dict[str, int] = option({}, help="Anything.")


class Vandal:
    """Empties whatever it can reach."""

    def __init__(self, options: Some) -> None:
        options.table.clear()

    def plan(self, shape: ModelShape, train_rows: int | None) -> ResourcePlan:
        shape.tensors.clear()
        return ResourcePlan(1, 1, {"train": 1}, 1)

    def supports(self, shape: ModelShape) -> Any:
        return True

    def launch(self) -> None:
        raise SystemExit(0)


@pytest.fixture
def backend() -> Backend:
    offer = Offer(port="tuner", name="vandal", summary="s", factory=f"{HERE}:Vandal", options=f"{HERE}:Some",
                  dist="odd-dist", version="1.5")  # fmt: skip
    return Backend(offer, {"table": {"a": 1}})


SHAPE = ModelShape("A", 1, 4, 1, 1, 1, 1, "float32", {"w": (1, 1)})


def test_neither_options_nor_questions_can_be_changed(backend: Backend) -> None:
    before = deepcopy((backend.options, SHAPE))
    assert ask(backend, "plan", SHAPE, 1).trained_parameters == 1
    assert (backend.options, SHAPE) == before


@pytest.mark.parametrize(
    ("method", "arguments", "said"),
    [
        ("supports", (SHAPE,), f"supports() returned a bool, and must return a {Verdict.__name__}"),
        ("launch", (), "tried to end the program in launch(): SystemExit: 0"),
        ("nosuch", (), "failed in nosuch(): AttributeError"),
    ],
)
def test_what_is_wrong_names_whose_it_is(backend: Backend, method: str, arguments: Any, said: str) -> None:
    with pytest.raises(PluginBroken) as caught:
        ask(backend, method, *arguments)
    assert "tuner odd-dist:vandal 1.5" in caught.value.what
    assert said in caught.value.what
