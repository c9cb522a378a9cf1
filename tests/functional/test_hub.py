"""Models and data by hub name, from a stand-in on loopback: planned without weights, fetched as far as needed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftctl_adapters.modeling.reference import BUILTIN
from tests.conftest import Ftctl
from tests.functional.small import small_run
from tests.hub_standin import HubStandIn, serving_hub

pytest.importorskip("huggingface_hub")
TINY = BUILTIN["builtin:tiny"]
WEIGHTS = "model.safetensors"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubStandIn]:
    """A hub with a model that has more copies of its weights than anybody reads, and a data set of two configs."""
    with serving_hub(tmp_path / "hub") as hub:
        model = hub.repository("model", "acme/tiny")
        for path in TINY.iterdir():
            if path.is_file():
                shutil.copyfile(path, model / path.name)
        for copy in ("consolidated.safetensors", "model.fp16.safetensors", "pytorch_model.bin"):
            (model / copy).write_bytes(b"\0" * 4096)
        (model / "original").mkdir()
        (model / "original" / "consolidated.00.pth").write_bytes(b"\0" * 4096)
        rows = [{"prompt": f"Say {n}.", "completion": f"It is {n}."} for n in range(60)]
        data = hub.repository("dataset", "acme/qa")
        for name in ("train.jsonl", "test.jsonl", "extra/huge.jsonl"):
            (data / name).parent.mkdir(exist_ok=True)
            (data / name).write_text("\n".join(map(json.dumps, rows)))
        (data / "README.md").write_text(
            "---\nconfigs:\n- config_name: default\n  data_files:\n  - {split: train, path: train.jsonl}\n---\n"
        )
        yield hub


@pytest.fixture
def env(hub: HubStandIn, tmp_path: Path) -> dict[str, str]:
    return {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}


def run_file(folder: Path, **changed: Any) -> None:
    small_run(folder, model="acme/tiny", data_source={"use": "hub", "repo": "acme/qa"}, **changed)


def test_a_plan_reads_headers_alone_and_tells_what_will_be_fetched(
    ftctl: Ftctl, hub: HubStandIn, env: dict[str, str], tmp_path: Path
) -> None:
    run_file(tmp_path)
    done = ftctl("tune", "run.yaml", "--tuner", "lora", "--dry-run", "--json", env=env)
    assert done.returncode == 0, done.stderr
    model = json.loads(done.stdout)["model"]
    assert model["commit"] == hub.commit
    assert model["fetch_bytes"] == (TINY / WEIGHTS).stat().st_size
    assert model["parameters"] == 2_116_544
    weights = [one for one in hub.requests if one.path.endswith(WEIGHTS) and one.method == "GET"]
    assert [one.range for one in weights] == ["bytes=0-100000"]
    assert not any("jsonl" in path for path in hub.downloads())
    shown = ftctl("tune", "run.yaml", "--tuner", "lora", "--dry-run", env=env)
    assert f"from the hub at commit {hub.commit}; " in shown.stdout


def test_a_run_fetches_what_it_reads_and_records_the_commits(
    ftctl: Ftctl, hub: HubStandIn, env: dict[str, str], tmp_path: Path
) -> None:
    run_file(tmp_path)
    done = ftctl("tune", "run.yaml", "--tuner", "lora", "--set", "tuner.max_steps=1", "--json", env=env)
    assert done.returncode == 0, done.stderr
    fetched = set(hub.downloads())
    assert fetched & {"consolidated.safetensors", "model.fp16.safetensors", "pytorch_model.bin"} == set()
    assert {"train.jsonl", WEIGHTS, "config.json"} <= fetched
    assert fetched & {"test.jsonl", "extra/huge.jsonl", "original/consolidated.00.pth"} == set()
    manifests = [json.loads(path.read_text()) for path in tmp_path.glob(".ftctl/artifacts/model/*/manifest.json")]
    assert [one["facts"]["hub"] for one in manifests] == [{"name": "acme/tiny", "revision": None, "commit": hub.commit}]
    assert manifests[0]["lineage"]["options"]["commit"] == hub.commit
    events = [json.loads(line) for line in next(tmp_path.glob(".ftctl/runs/*/events.ndjson")).read_text().splitlines()]
    assert any(event["data"].get("commit") == hub.commit for event in events if event["kind"] == "DataDescribed")
    report = next(tmp_path.glob(".ftctl/runs/*/report.md")).read_text()
    assert f"- from the hub: acme/tiny at {hub.commit}; acme/qa at {hub.commit}" in report
    hub.requests.clear()
    offline = ftctl("tune", "run.yaml", "--tuner", "lora", "--set", "tuner.max_steps=1", "--json",
                    env=env | {"HF_HUB_OFFLINE": "1"})  # fmt: skip
    assert offline.returncode == 0, offline.stderr
    assert {stage["status"] for stage in json.loads(offline.stdout)["stages"]} == {"cached"}
    assert hub.requests == []


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        ("acme/gated-model", 2, "is gated: the hub gives it to those who accepted its terms; accept its terms at"),
        ("acme/tinny", 2, "is not on the hub, or is private; did you mean 'acme/tiny'?"),
    ],
)
def test_each_refusal_of_the_hub_is_told_apart(
    ftctl: Ftctl, hub: HubStandIn, env: dict[str, str], tmp_path: Path, model: str, code: int, said: str
) -> None:
    small_run(tmp_path, model=model)
    done = ftctl("tune", "run.yaml", "--tuner", "lora", "--dry-run", env=env)
    assert (done.returncode, done.stdout) == (code, "")
    assert f"model {model} {said}" in done.stderr


def test_a_revision_that_is_none_is_named(ftctl: Ftctl, env: dict[str, str], tmp_path: Path) -> None:
    small_run(tmp_path, model="acme/tiny", model_revision="v9")
    done = ftctl("tune", "run.yaml", "--tuner", "lora", "--dry-run", env=env)
    assert done.returncode == 2
    assert "model acme/tiny has no revision 'v9'" in done.stderr


def test_offline_what_the_cache_has_is_told(ftctl: Ftctl, env: dict[str, str], tmp_path: Path) -> None:
    small_run(tmp_path, model="acme/tiny")
    offline = env | {"HF_HUB_OFFLINE": "1"}
    nothing = ftctl("tune", "run.yaml", "--tuner", "lora", "--dry-run", env=offline)
    assert nothing.returncode == 6
    assert "model acme/tiny is not in the cache, and HF_HUB_OFFLINE is set; the cache has none" in nothing.stderr
    nobody = ftctl("tune", "run.yaml", "--tuner", "lora", "--dry-run", env=env | {"HF_ENDPOINT": "http://127.0.0.1:9"})
    assert nobody.returncode == 6
    assert "the hub at http://127.0.0.1:9 does not answer" in nobody.stderr
