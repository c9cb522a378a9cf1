"""What a report says has to be the same for its figures to be the same."""

import hashlib
from pathlib import Path

import pytest

from ftctl_adapters.report.manifest import manifest

SPEC = """
model: my-model
data_source: {use: jsonl, data_seed: 42}
tuner: {use: lora, seed: 7}
evaluators:
  - {use: garak, temperature: 0.5, seed: 1}
  - {use: garak, temperature: 1.0, seed: 2}
  - {use: text-metrics, max_new_tokens: 9, limit: null}
"""


def test_it_names_model_template_data_decoding_seeds_and_versions(tmp_path: Path) -> None:
    folders = {stage: tmp_path / f"{stage}-digest" for stage in ("model", "data", "tune", "evaluate")}
    for folder in folders.values():
        folder.mkdir()
    (folders["model"] / "chat_template.jinja").write_text("plain")
    found = manifest(folders, SPEC, {"torch": "2.13.0"}, {"org/name": "abc"})
    assert found == {
        "model": "tune-digest",
        "chat template": f"sha256 {hashlib.sha256(b'plain').hexdigest()}",
        "data set": "data-digest",
        "from the hub": "org/name at abc",
        "decoding": "greedy unless a temperature says otherwise; evaluators.garak[0].temperature 0.5; "
        "evaluators.garak[1].temperature 1.0; evaluators.text-metrics.max_new_tokens 9",
        "seeds": "data_source.data_seed 42; tuner.seed 7; evaluators.garak[0].seed 1; evaluators.garak[1].seed 2",
        "versions": "torch 2.13.0",
    }
    (folders["tune"] / "chat_template.jinja").write_text("changed")
    assert manifest(folders, SPEC, {}, {})["chat template"] == f"sha256 {hashlib.sha256(b'changed').hexdigest()}"


@pytest.mark.parametrize("spec", ["", "a: [", "a: *nowhere", "{}"])
def test_a_run_file_that_cannot_be_read_costs_no_report(spec: str) -> None:
    assert manifest({}, spec, {}, {})["seeds"] == "none"


def test_no_secret_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "1234567890")
    assert manifest({}, "tuner: {use: lora, seed: 1234567890}", {}, {})["seeds"] == "tuner.seed ***"
