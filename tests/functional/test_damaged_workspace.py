"""Files of the workspace that were emptied or changed: each is named with the remedy, and nothing else is hidden."""

import json
from pathlib import Path

import pytest

from tests.conftest import Ftctl

DAMAGES = {"empty": b"", "half": b'{"run_id": "a', "list": b"[]", "strange": b'{"stages": [1]}', "no text": b"\xff\xfe"}


@pytest.fixture
def two_runs(ftctl: Ftctl, tmp_path: Path) -> list[str]:
    """Build two data sets, and return the names of their runs, the older first."""
    found = []
    for word in ("one", "two"):
        rows = [{"prompt": f"say {word} {n}", "completion": f"{word} {n}"} for n in range(40)]
        (tmp_path / f"{word}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / f"{word}.yaml").write_text(
            f"model: builtin:tiny\ndata_source: {{use: jsonl, path: {word}.jsonl, format: prompt-completion}}\n"
        )
        done = ftctl("data", f"{word}.yaml", "--json")
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout)["run_id"])
    return found


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_named_and_hides_no_other(
    ftctl: Ftctl, tmp_path: Path, two_runs: list[str], damage: str
) -> None:
    record = tmp_path / ".ftctl" / "runs" / two_runs[0] / "run.json"
    record.write_bytes(DAMAGES[damage])
    listed = ftctl("runs", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert {run["run_id"]: run["status"] for run in json.loads(listed.stdout)} == {
        two_runs[0]: "damaged", two_runs[1]: "done"}  # fmt: skip
    assert f"{two_runs[0]}/run.json is damaged" in listed.stderr
    shown = ftctl("runs", "show", two_runs[0])
    assert shown.returncode == 4
    assert "remove that file; finished stages stay [run-damaged]" in shown.stderr
    again = ftctl("data", "one.yaml")
    assert again.returncode == 4, "a record that cannot be read is not overwritten"
    record.unlink()
    mended = ftctl("data", "one.yaml", "--json")
    assert mended.returncode == 0, mended.stderr
    assert json.loads(mended.stdout)["stages"][0]["status"] == "cached"


def test_a_damaged_plan_is_named(ftctl: Ftctl, tmp_path: Path, two_runs: list[str]) -> None:
    (tmp_path / ".ftctl" / "runs" / two_runs[0] / "plan.json").write_text('{"model": "gone"}')
    again = ftctl("data", "one.yaml")
    assert again.returncode == 4
    assert "plan.json is damaged" in again.stderr
    assert "[run-damaged]" in again.stderr


def test_lines_that_hold_no_event_are_left_out(ftctl: Ftctl, tmp_path: Path, two_runs: list[str]) -> None:
    path = tmp_path / ".ftctl" / "runs" / two_runs[0] / "events.ndjson"
    before = len(ftctl("runs", "events", two_runs[0]).stdout.splitlines())
    with path.open("ab") as lines:
        lines.write(b'{"kind": 1}\nnull\n\xff\n[1]\n{"a"\n')
    told = ftctl("runs", "events", two_runs[0])
    assert told.returncode == 0, told.stderr
    assert len(told.stdout.splitlines()) == before


@pytest.mark.parametrize("what", ["export", "show", "why", "diff"])
def test_a_damaged_data_set_is_not_used(ftctl: Ftctl, tmp_path: Path, two_runs: list[str], what: str) -> None:
    commands = {"export": ["export", "out.jsonl"], "show": ["show"], "why": ["why", "1"]}
    names = [f"dataset/{row['digest']}" for row in json.loads(ftctl("data", "list", "--json").stdout)]
    commands["diff"] = ["diff", names[0]]
    train = tmp_path / ".ftctl" / "artifacts" / names[-1] / "train.jsonl"
    train.write_bytes(train.read_bytes().replace(b"two", b"six"))
    done = ftctl("data", *commands[what])
    assert done.returncode == 4, done.stdout
    assert "train.jsonl differs from its SHA-256" in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("left", ["", None])
def test_a_data_set_without_its_manifest_is_named(
    ftctl: Ftctl, tmp_path: Path, two_runs: list[str], left: str | None
) -> None:
    names = [f"dataset/{row['digest']}" for row in json.loads(ftctl("data", "list", "--json").stdout)]
    manifest = tmp_path / ".ftctl" / "artifacts" / names[0] / "manifest.json"
    manifest.unlink() if left is None else manifest.write_text(left)
    listed = ftctl("data", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert [f"dataset/{row['digest']}" for row in json.loads(listed.stdout)] == names[1:]
    assert f"{names[0]} holds no valid manifest" in listed.stderr
    doctor = ftctl("doctor")
    assert doctor.returncode == 4
    assert names[0] in doctor.stderr


def test_a_changed_figure_of_a_finished_stage_is_no_hit(ftctl: Ftctl, tmp_path: Path, two_runs: list[str]) -> None:
    for record in (tmp_path / ".ftctl" / "cache").glob("*.json"):
        record.write_text(json.dumps(json.loads(record.read_text()) | {"metrics": [], "summary": {"rows": 1}}))
    again = ftctl("data", "one.yaml", "--json")
    assert json.loads(again.stdout)["stages"][0]["status"] == "done"


def test_a_run_is_resumed_by_its_name(ftctl: Ftctl, tmp_path: Path, two_runs: list[str]) -> None:
    with (tmp_path / ".ftctl" / "runs" / two_runs[0] / "run.yaml").open("a") as spec:
        spec.write("tuner: {use: lora, no_such_option: 1}\n")
    resumed = ftctl("runs", "resume", two_runs[0])
    assert resumed.returncode == 2, "it is read as any run file is"
    assert "tuner" in resumed.stderr
