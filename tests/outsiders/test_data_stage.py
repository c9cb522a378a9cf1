"""Rows of files, documents and a database through eight operators into a tuned model, in an environment of its own."""

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documents import pdf
from tests.outsiders.conftest import ROOT, Venv

pytestmark = pytest.mark.outsiders

RUN = """
model: builtin:tiny
data_source:
  sources:
    - {use: jsonl, path: chats}
    - {use: documents, path: manuals}
    - {use: sql, url_env: TRAINING_DB, query: "SELECT id, question, answer FROM asked", prompt: question,
       completion: answer}
  skip_invalid: 2
data_steps:
  - clean-encoding
  - {use: normalise, whitespace: collapse}
  - filter-turns
  - {use: pii, action: mask}
  - dedup-exact
  - {use: dedup-near, threshold: 0.9}
  - {use: decontaminate, against: [exam.jsonl]}
  - {use: split, validation: 0.1, test: 0.2}
tuner: {use: lora, rank: 4, max_steps: 4, max_length: 512, per_device_train_batch_size: 4}
evaluators: [perplexity]
server: {use: transformers}
"""
SENTENCE = "The {} of house number {} by the harbour was painted in the year {} by someone from the north."


def write(folder: Path) -> dict[str, str]:
    """Sixty rows of each source, some of which repeat others, are broken, or part of the exam; the variables."""
    for name in ("chats", "manuals"):
        (folder / name).mkdir()
    told = [SENTENCE.format(what, n, 1700 + 3 * n) for n in range(30) for what in ("door", "roof")]
    rows = [json.dumps({"prompt": f"What of this? {text}", "completion": f"I know: {text}"}) for text in told]
    (folder / "chats" / "a.jsonl").write_text("\n".join([*rows, rows[0].upper().replace("PROMPT", "prompt").replace(
        "COMPLETION", "completion"), "{broken"]))  # fmt: skip
    for number in range(6):
        (folder / "manuals" / f"{number}.pdf").write_bytes(
            pdf([f"Manual {number}, page {n}. {told[n]}" for n in range(5)])
        )
    (folder / "exam.jsonl").write_text(json.dumps({"text": told[7]}) + "\n")
    with sqlite3.connect(folder / "asked.db") as database:
        database.execute("CREATE TABLE asked (id INTEGER, question TEXT, answer TEXT)")
        asked = [(n, f"Who wrote letter {n} to a@b.org?", f"Clerk {n * n} did.") for n in range(60)]
        database.executemany("INSERT INTO asked VALUES (?, ?, ?)", asked)
    return {"TRAINING_DB": f"sqlite:///{folder / 'asked.db'}"}


def data_artifact(told: str) -> str:
    """The artifact of the stage ``data`` in the JSON that a command printed."""
    (data,) = [stage["artifact"] for stage in json.loads(told)["stages"] if stage["name"] == "data"]
    return str(data)


def with_sql(made: Venv, folder: Path) -> dict[str, str]:
    """Install the SQL source, write the run file and its rows; return the variables."""
    made.install(ROOT / "contrib" / "ftctl-sql")
    (folder / "run.yaml").write_text(RUN)
    return write(folder)


def test_three_sources_and_eight_operators_feed_a_run(venv: Callable[..., Venv], tmp_path: Path) -> None:
    made = venv("local", "testing")
    address = with_sql(made, tmp_path)
    told = made.run("ftctl", "run", "run.yaml", "--once", "--json", cwd=tmp_path, env=address)
    done = json.loads(told)
    assert done["status"] == "done"
    folder = tmp_path / ".ftctl" / "artifacts" / data_artifact(told)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["rows"] == 60 + 2 + 30 + 60
    assert summary["states"]["quarantined"] == 1
    assert summary["states"]["duplicate"] >= 1
    assert summary["states"]["contaminated"] >= 1
    steps = ["clean-encoding", "normalise", "filter-turns", "pii", "dedup-exact", "dedup-near", "decontaminate"]
    assert [step["step"] for step in summary["funnel"]][:7] == steps
    report = Path(done["report"]).read_text()
    for step in steps:
        assert re.search(rf"\| {step} \| \d+ \|", report)
    assert b"a@b.org" not in b"".join(path.read_bytes() for path in folder.iterdir())


@pytest.mark.nightly
def test_ray_makes_the_same_of_them(venv: Callable[..., Venv], tmp_path: Path) -> None:
    made = venv("local", "testing", "ray")
    address = with_sql(made, tmp_path)
    here = made.run("ftctl", "data", "run.yaml", "--json", cwd=tmp_path, env=address)
    ray = ("--workspace", "ray", "--set", "data_source.engine=ray", "--set", "data_source.parts=3")
    there = made.run("ftctl", "data", "run.yaml", "--json", *ray, cwd=tmp_path, env=address)
    assert data_artifact(there) == data_artifact(here)
