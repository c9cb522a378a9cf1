"""Ten evaluators and their gates in one run: a secret that was planted, and learnt, is found and named."""

import json
from pathlib import Path

import pytest

from tests.browser import flaws
from tests.conftest import Ftctl
from tests.functional.small import PHRASES

pytestmark = pytest.mark.heavy

RUN = """
model: builtin:tiny
data_source: {use: jsonl, path: rows.jsonl}
data_steps: [{use: canaries, share: 0.6, count: 2}]
tuner:
  {use: lora, rank: 16, learning_rate: 5e-3, max_length: 256, bf16: false, max_steps: 60, eval_steps: 60,
   per_device_train_batch_size: 8}
evaluators:
  - {use: text-metrics, max_new_tokens: 16}
  - {use: perplexity}
  - {use: structured, max_new_tokens: 16}
  - {use: robust, max_new_tokens: 16, limit: 4, kinds: [typo, filler]}
  - {use: diversity, max_new_tokens: 16}
  - {use: boundary, max_new_tokens: 4, languages: [zh], long_characters: 600}
  - {use: jailbreak, max_new_tokens: 6, families: [direct], languages: [en]}
  - {use: injection, max_new_tokens: 6, channels: [document], languages: [en]}
  - {use: prompt-leak, max_new_tokens: 6, languages: [zh]}
  - {use: memorise, count: 2, candidates: 64}
gates:
  - {metric: perplexity, max_ratio: 1.0, over: base}
  - {metric: exposure_highest, max_value: 4}
"""


def test_a_planted_secret_is_found_and_the_gate_named(ftctl: Ftctl, tmp_path: Path) -> None:
    rows = PHRASES.read_text(encoding="utf-8").split("\n")[:40]
    for number in range(40):
        asked = {"from": "human", "value": f"Give the number {number} as JSON."}
        said = {"from": "gpt", "value": json.dumps({"number": number, "even": number % 2 == 0})}
        rows.append(json.dumps({"conversations": [asked, said]}))
    (tmp_path / "rows.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "run.yaml").write_text(RUN, encoding="utf-8")
    done = ftctl("evaluate", "run.yaml", "--json")
    assert done.returncode == 7, done.stderr[-3000:]
    document = json.loads(done.stdout)
    rulings = {one["metric"]: one["verdict"] for one in document["gates"]}
    assert rulings == {"perplexity": "pass", "exposure_highest": "fail"}
    for subject in ("base", "tuned"):
        assert len(document["metrics"][subject]) > 25
    assert "fail: exposure_highest of tuned is" in done.stderr
    (report,) = tmp_path.glob(".ftctl/runs/*/report.json")
    told = json.loads(report.read_text(encoding="utf-8"))
    assert told["ftctl"]["verdict"] == {"kind": "fail", "why": "1 of 2 gates said no: exposure_highest"}
    assert told["results"].keys() == told["higher_is_better"].keys() == told["n-samples"].keys()
    assert told["results"]["memorise"]["exposure,none"] == document["metrics"]["tuned"]["exposure"]["value"]
    assert told["higher_is_better"]["memorise"] == dict.fromkeys(("exposure", "exposure_highest", "extracted"), False)
    (page,) = tmp_path.glob(".ftctl/runs/*/report.html")
    text = page.read_text(encoding="utf-8")
    assert text.index("<h2>Gates</h2>") < text.index("<h2>Metrics</h2>") < text.index("over the same examples</h2>")
    for width in (1280, 420):
        assert not (found := flaws(page, width, tmp_path / f"{width}.png")), (width, found)
