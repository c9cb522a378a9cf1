"""Reference files are compared with and not trained: labels and images in them refuse nothing."""

import json
from pathlib import Path

from ftctl.domain.example import Example
from ftctl_adapters.records.locations import place_of
from ftctl_plugins.data_operators.reference_files import items


def test_an_evaluation_file_with_labels_is_read(tmp_path: Path) -> None:
    rows = [{"text": "I loved it", "label": 1}, {"text": "Awful film", "label": 0}]
    (tmp_path / "exam.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def text(row: Example) -> str:
        return row.text

    found = list(items([place_of(tmp_path / "exam.jsonl")], "decontaminate", text))
    assert found == [("exam.jsonl:1", "I loved it"), ("exam.jsonl:2", "Awful film")]
