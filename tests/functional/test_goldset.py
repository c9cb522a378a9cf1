"""From what was asked to a test split that people have answered, by the commands of the page."""

import csv
import json
from pathlib import Path

import yaml

from tests.conftest import Ftctl
from tests.docs.shell import ROOT, documented
from tests.functional.small import PHRASES, SMALL

PAGE = "how-to/gold-set.md"


def test_a_gold_set_is_drawn_answered_and_measured(ftctl: Ftctl, tmp_path: Path) -> None:
    lines = PHRASES.read_text(encoding="utf-8").split("\n")[:60]
    (tmp_path / "train.jsonl").write_text("\n".join(lines[:40]) + "\n", encoding="utf-8")
    (tmp_path / "log.jsonl").write_text("\n".join(lines[30:]) + "\n", encoding="utf-8")
    blocks = (ROOT / "docs" / PAGE).read_text().split("```yaml\n")[1:]
    draw, answered, measure = (yaml.safe_load(text.partition("```")[0]) for text in blocks)
    draw["data_steps"][-1]["count"] = 12
    (tmp_path / "gold.yaml").write_text(yaml.safe_dump(draw))
    assert ftctl(*documented(PAGE, "data gold.yaml"), cwd=tmp_path).returncode == 0
    for ending in ("csv", "html"):
        done = ftctl(*documented(PAGE, f"data export form.{ending}"), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("12 rows")
    with (tmp_path / "form.csv").open(encoding="utf-8-sig", newline="") as form:
        table = list(csv.DictReader(form))
    known = {json.loads(line)["conversations"][-2]["value"] for line in lines[:40]}
    assert not known & {row["question"].rpartition("] ")[2] for row in table}, "training has it"
    with (tmp_path / "anna.csv").open("w", encoding="utf-8", newline="") as form:
        writer = csv.writer(form)
        writer.writerows([("item", "expected"), *((row["item"], f"gold {row['item']}") for row in table[:10])])
    answered["data_steps"][0]["count"] = 12
    (tmp_path / "answered.yaml").write_text(yaml.safe_dump(answered))
    assert ftctl(*documented(PAGE, "data answered.yaml"), cwd=tmp_path).returncode == 0
    assert ftctl(*documented(PAGE, "data export gold.jsonl"), cwd=tmp_path).returncode == 0
    assert len((tmp_path / "gold.jsonl").read_text().splitlines()) == 10
    run = yaml.safe_load(SMALL) | {"data_source": measure["data_source"], "evaluators": ["text-metrics"]}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run))
    done = ftctl("evaluate", "run.yaml", "--json", "--set", "tuner.max_steps=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["metrics"]["tuned"]["exact_match"]["n"] == 10
    folder = tmp_path / ".ftctl" / "artifacts" / document["stages"][-1]["artifact"]
    records = [json.loads(line) for line in (folder / "text-metrics.samples.jsonl").read_text().splitlines()]
    assert all(record["expected"].startswith("gold ") for record in records)
