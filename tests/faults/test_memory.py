"""A data set that is larger than the memory it may use."""

import json
import random
from pathlib import Path

import pytest

from tests.conftest import Ftctl

pytestmark = [pytest.mark.heavy, pytest.mark.nightly]

ROWS = 250_000
BUDGET, BASE = 64, 200
"""MiB that the stage may use, and that its program takes without any row."""

RUN = f"""
model: builtin:tiny
data_source: {{use: jsonl, path: rows.jsonl, memory_mb: {BUDGET}}}
data_steps: [normalise, dedup-exact, {{use: dedup-near, action: keep-together}}, split]
"""


def test_the_memory_of_the_data_stage_does_not_grow_with_its_rows(ftctl: Ftctl, tmp_path: Path) -> None:
    draw = random.Random(1)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(5000)]
    with (tmp_path / "rows.jsonl").open("w", encoding="utf-8") as lines:
        for number in range(ROWS):
            text = " ".join(draw.choices(words, k=60))
            lines.write(json.dumps({"prompt": f"{number}: {text}", "completion": text[:40]}) + "\n")
    (tmp_path / "run.yaml").write_text(RUN, encoding="utf-8")
    done = ftctl("data", "run.yaml", "--json")
    assert done.returncode == 0, done.stderr[-2000:]
    (stage,) = [stage for stage in json.loads(done.stdout)["stages"] if stage["name"] == "data"]
    assert stage["peak_rss_bytes"] < (BUDGET + BASE) << 20
