"""The application is told of each fault by name, or undoes what it did; nothing passes in silence."""

import contextlib
import io
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve

from ftctl.application.app import App
from ftctl.domain.event import WARNING_RAISED
from ftctl.errors import FtctlError
from ftctl.plugin.process_state import ProcessState
from ftctl.plugin.registry import Registry
from ftctl.testing.offers import fake_entry_points
from tests.broken_plugins.by_port import all_faults
from tests.broken_plugins.fault import COPIES, ENDS, LEFT_OUT, REFUSED, SILENT, STDERR, UNDONE, UNSEEN, Fault
from tests.broken_plugins.modules import write
from tests.unit.test_resolve import FAKE
from tests.unit.test_run import go

WHERE: dict[str, dict[str, Any]] = {
    "data_source": {"data_source": "odd"},
    "data_operator": {"data_steps": ["odd"]},
    "tuner": {"tuner": "odd"},
    "evaluator": {"evaluators": ["odd", "wary"]},
    "compressor": {"compressor": "odd"},
    "server": {"server": "odd"},
    "monitor": {"monitors": ["odd"]},
}
WATCHES = """
assert not any(one.metadata for one in given[1])
return evolve(usual(), evaluator='wary', metrics=tuple(evolve(one, name='wary') for one in usual().metrics))
"""
WARY = Fault("wary", "", "instead", WATCHES, "", "")
ALL = all_faults()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on the path, with a backend that refuses changed examples."""
    folder = tmp_path_factory.mktemp("site")
    sys.path.insert(0, str(folder))
    write(folder, "evaluator", WARY)
    (folder / "odd_evaluator_wary_manifest.py").write_text(
        (folder / "odd_evaluator_wary_manifest.py").read_text().replace('name="odd"', 'name="wary"')
    )
    yield folder
    sys.path.remove(str(folder))


def entry_point(module: str, name: str = "odd") -> EntryPoint:
    point = EntryPoint(name, f"{module}_manifest", "ftctl.plugins")
    vars(point).update(dist=SimpleNamespace(name="odd-dist", version="1.5", read_text=lambda _name: None))
    return point


@pytest.fixture
def odd_app(fake_app: App, site: Path, request: pytest.FixtureRequest) -> App:
    port, fault = request.param
    points = [entry_point(write(site, port, fault)), entry_point("odd_evaluator_wary", "wary")]
    return evolve(fake_app, registry=Registry(lambda: [*fake_entry_points(), *points]))


@pytest.mark.parametrize(
    ("odd_app", "port", "fault"),
    [((port, fault), port, fault) for port, fault in ALL],
    ids=[f"{port}-{fault.name}" for port, fault in ALL],
    indirect=["odd_app"],
)
def test_a_run(odd_app: App, port: str, fault: Fault) -> None:
    before, said, error = ProcessState.taken(), io.StringIO(), None
    chosen = {"compressor": "none", "server": "none"} | WHERE[port]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()) as stderr:
        try:
            result = go(odd_app, {**FAKE, **chosen})
        except FtctlError as caught:
            error = caught
    journals = odd_app.journals.journals.values()  # type: ignore[attr-defined]
    warned = [str(event.data) for one in journals for event in one.recorded if event.kind == WARNING_RAISED]
    assert said.getvalue() == ""
    if fault.application != ENDS:
        assert before.changes() == []
    if fault.application == REFUSED:
        assert error is not None, "it was taken"
        assert error.status == 6, repr(error)
        told = " ".join((error.what, *error.details))
        assert "odd-dist" in told, told
        assert "odd" in told.replace("odd-dist", ""), told
        return
    assert error is None, repr(error)
    assert result.status == "done"
    assert fault.application in (UNDONE, STDERR, ENDS, COPIES, LEFT_OUT, SILENT, UNSEEN)
    assert ("odd\n" in stderr.getvalue()) == (fault.application == STDERR)
    assert any("'odd'" in text for text in warned) == (fault.application == LEFT_OUT), warned
    if (port, fault.name) == ("data_operator", "scribbles"):
        (data,) = [event for one in journals for event in one.recorded if event.stage == "data" and
                   event.kind == "StageFinished"]  # fmt: skip
        odd = next(step for step in data.data["summary"]["funnel"] if step["step"] == "odd")
        assert odd["changed"] == odd["rows"], "the run says that it changed them"
