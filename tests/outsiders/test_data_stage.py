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


def test_three_sources_and_eight_operators_feed_a_run_and_ray_makes_the_same(
    venv: Callable[..., Venv], tmp_path: Path
) -> None:
    made, address = venv("local", "testing", "ray"), write(tmp_path)
    made.install(ROOT / "contrib" / "ftctl-sql")
    (tmp_path / "run.yaml").write_text(RUN)
    done = json.loads(made.run("ftctl", "run", "run.yaml", "--once", "--json", cwd=tmp_path, env=address))
    assert done["status"] == "done"
    (data,) = [stage["artifact"] for stage in done["stages"] if stage["name"] == "data"]
    folder = tmp_path / ".ftctl" / "artifacts" / data
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
    ray = ("--workspace", "ray", "--set", "data_source.engine=ray", "--set", "data_source.parts=3")
    again = json.loads(made.run("ftctl", "data", "run.yaml", "--json", *ray, cwd=tmp_path, env=address))
    assert [stage["artifact"] for stage in again["stages"] if stage["name"] == "data"] == [data]
