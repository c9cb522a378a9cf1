"""Where the data stage's work is done changes nothing in what is made."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.application.dataset import build_dataset
from ftctl.application.dataset import pipeline as flow
from ftctl.domain.example import Example, Message, Rejection
from ftctl.domain.seen_keys import first_places
from ftctl.domain.split import SplitShares
from ftctl.errors import DataError, Interrupted
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator, RowOperator
from ftctl.ports.data_source import DataSource
from ftctl.ports.engine import Engine, EngineError
from ftctl.testing.contracts.stage import recording
from ftctl.testing.fakes.engine import FakeEngine, FakeEngineOptions
from ftctl_plugins.engines.local import LocalEngine, LocalOptions
from ftctl_plugins.engines.processes import ProcessesEngine, ProcessesOptions
from tests.engine_recipes import Dying, recipe

WORDS = [f"word{number}" for number in range(900)]
EXAM = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


class Rows(DataSource):
    """Chats, some of which repeat others, nearly or wholly, or quote the exam."""

    def fingerprint(self) -> str:
        return "rows"

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        draw = random.Random(5)
        said: list[str] = []
        for n in range(400):
            text = " ".join(draw.choices(WORDS, k=40))
            if n % 9 == 8:
                text = said[n - 7].upper()
            elif n % 9 == 7:
                text = " ".join([*said[n - 5].split(" ")[:-2], "other words"])
            elif n % 50 == 3:
                text += f" {EXAM}"
            said.append(text)
            if n % 60 == 59:
                yield Rejection(f"r:{n}", "bad on purpose", byte=n)
            else:
                turns = (Message("user", f"  {text}  a@b.org"), Message("assistant", f"It is number {n} of them."))
                yield Example(f"r:{n}", turns, byte=n)


@pytest.fixture
def exam(tmp_path: Path) -> Path:
    path = tmp_path / "exam.jsonl"
    path.write_text(json.dumps({"text": EXAM}))
    return path


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "SHARD", 45)


def built(folder: Path, steps: list[tuple[str, DataOperator]], engine: Engine | None) -> dict[str, Any]:
    """Every file of the data set, and what was told."""
    context = recording(folder, data_seed=7, memory_bytes=1 << 24)
    draft = build_dataset(Rows(), SplitShares(0.1, 0.1), 100, context, steps, engine)
    files = {path.name: path.read_bytes() for path in sorted((folder / "out").iterdir())}
    assert len(files["ledger.jsonl"].splitlines()) == 400
    return files | {"facts": draft.facts}


def test_processes_make_what_one_makes(tmp_path: Path, exam: Path) -> None:
    alone = built(tmp_path / "alone", recipe(exam), None)
    states = alone["facts"]["summary"]["states"]
    assert states["quarantined"] == 7
    assert states["duplicate"] > 50
    assert states["contaminated"] == 8
    assert alone["derived.jsonl"]
    for engine in (LocalEngine(LocalOptions()), ProcessesEngine(ProcessesOptions(processes=3))):
        try:
            assert built(tmp_path / type(engine).__name__, recipe(exam), engine) == alone
        finally:
            engine.close()


def test_parts_of_keys_make_what_the_whole_makes(tmp_path: Path) -> None:
    draw = random.Random(1)
    (tmp_path / "keys").write_bytes(bytes(draw.randrange(4) * 85 for _ in range(5000 * 5)))
    for rank in (0, 1):
        whole = first_places(tmp_path / "keys", 5, 1 << 30, rank)
        assert first_places(tmp_path / "keys", 5, 1 << 30, rank, parts=7) == whole


def test_a_lost_process_ends_the_stage_and_the_next_try_goes_on(tmp_path: Path) -> None:
    steps: list[tuple[str, DataOperator]] = [("die", Dying("number 300 ", tmp_path))]
    engine = ProcessesEngine(ProcessesOptions(processes=2))
    with pytest.raises(EngineError, match="a process of the data stage was lost"):
        built(tmp_path / "stage", steps, engine)
    engine.close()
    kept = sorted((tmp_path / "stage" / "work" / "part-0").glob("0*"))
    stamps = [place.stat().st_ino for place in kept]
    assert kept
    again = ProcessesEngine(ProcessesOptions(processes=2))
    found = built(tmp_path / "stage", steps, again)
    again.close()
    assert [place.stat().st_ino for place in kept] == stamps
    assert found == built(tmp_path / "undisturbed", steps, None)


class Refusing(RowOperator):
    def process(self, rows: Any, context: StageContext) -> Any:
        raise DataError("cannot work at all", next_step="give it what it needs")


def test_what_an_operator_says_of_all_rows_comes_through(tmp_path: Path) -> None:
    engine = ProcessesEngine(ProcessesOptions(processes=1))
    with pytest.raises(DataError, match="cannot work at all") as caught:
        built(tmp_path / "stage", [("refuse", Refusing())], engine)
    engine.close()
    assert caught.value.next_step == "give it what it needs"


def test_asked_to_stop_it_stops_behind_a_whole_shard(tmp_path: Path, exam: Path) -> None:
    engine = FakeEngine(FakeEngineOptions(lost_after=4))
    with pytest.raises(EngineError):
        built(tmp_path / "lost", recipe(exam), engine)
    assert len(list((tmp_path / "lost" / "work" / "part-0").glob("0*"))) == 4
    context = recording(tmp_path / "stopped", data_seed=7, memory_bytes=1 << 24)
    shards = tmp_path / "stopped" / "work" / "part-0"
    context = evolve(context, cancelled=lambda: len(list(shards.glob("0*"))) >= 3)
    with pytest.raises(Interrupted):
        build_dataset(Rows(), SplitShares(0.1, 0.1), 100, context, recipe(exam), LocalEngine(LocalOptions()))
    assert len(list(shards.glob("0*"))) == 3
