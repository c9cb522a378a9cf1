"""The data stage on Ray: the same bytes for any number of parts, after lost workers, and over two nodes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftctl.application.dataset import pipeline as flow
from ftctl.ports.engine import EngineError
from ftctl_plugins.engines.ray import RayEngine, RayOptions
from tests.conftest import Ftctl
from tests.engine_recipes import Dying, recipe
from tests.ray_cluster import ray_cluster
from tests.unit.test_engines import EXAM, built

pytestmark = [pytest.mark.distributed, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster of two machines."""
    with ray_cluster() as address:
        yield address


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "SHARD", 45)


@pytest.fixture
def exam(tmp_path: Path) -> Path:
    path = tmp_path / "exam.jsonl"
    path.write_text(json.dumps({"text": EXAM}))
    return path


def on_ray(folder: Path, steps: Any, address: str, parts: int) -> dict[str, Any]:
    engine = RayEngine(RayOptions(address=address, parts=parts))
    try:
        return built(folder, steps, engine)
    finally:
        engine.close()


def test_any_number_of_parts_over_two_nodes_makes_the_same_bytes(cluster: str, tmp_path: Path, exam: Path) -> None:
    alone = built(tmp_path / "alone", recipe(exam), None)
    assert alone["facts"]["summary"]["states"]["quarantined"] == 7
    for parts in (3, 7, 1):
        assert on_ray(tmp_path / f"parts-{parts}", recipe(exam), cluster, parts) == alone


def test_a_lost_worker_changes_nothing_and_one_that_is_lost_always_ends_it(cluster: str, tmp_path: Path) -> None:
    steps = [("die", Dying("number 200 ", tmp_path, times=2))]
    found = on_ray(tmp_path / "lost", steps, cluster, 3)
    assert {path.name for path in tmp_path.glob("died-*")} == {"died-0", "died-1"}
    assert found == built(tmp_path / "alone", steps, None)
    always = [("die", Dying("number 200 ", tmp_path, times=99))]
    with pytest.raises(EngineError, match="lost a piece of work 4 times"):
        on_ray(tmp_path / "gone", always, cluster, 3)


def test_the_same_run_file_has_the_same_digest_on_a_cluster_that_is_made_for_it(ftctl: Ftctl, tmp_path: Path) -> None:
    rows = [json.dumps({"prompt": f"What is {n % 50} of many?", "completion": f"It is {n % 50}."}) for n in range(90)]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    (tmp_path / "run.yaml").write_text(
        "model: builtin:tiny\ndata_source: {use: jsonl, path: rows.jsonl}\ndata_steps: [normalise, dedup-near, split]\n"
    )
    found = []
    for engine in ("local", "ray"):
        done = ftctl("data", "run.yaml", "--json", "--workspace", engine, "--set", f"data_source.engine={engine}")
        assert done.returncode == 0, done.stderr
        found.append(next(stage["artifact"] for stage in json.loads(done.stdout)["stages"] if stage["name"] == "data"))
    assert found[0] == found[1]


def test_nobody_at_the_address_is_one_line(ftctl: Ftctl, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\n{"text": "b"}\n')
    (tmp_path / "run.yaml").write_text(
        "model: builtin:tiny\n"
        "data_source: {use: jsonl, path: rows.jsonl, engine: ray, address: '127.0.0.1:9', parts: 2}\n"
    )
    done = ftctl("data", "run.yaml")
    assert (done.returncode, "no Ray cluster at 127.0.0.1:9" in done.stderr) == (6, True), done.stderr
