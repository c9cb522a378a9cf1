"""A page in a browser: what is ugly is seen, and the report's own parts are not."""

from pathlib import Path
from typing import Any

import pytest

from ftctl_adapters.report.html_layout import page, table
from ftctl_adapters.report.interval_chart import interval_chart, legend
from ftctl_adapters.report.tables import metric_rows, metric_text, slice_rows
from ftctl_adapters.report.verdict import verdict
from tests.browser import flaws

TEXT = "<p>" + "Some words that fill a line or two. " * 40 + "</p>"
WORD = "w" * 400
UGLY = {
    "overflow": "<div style='width:3000px'>wide</div>",
    "cut": f"<p style='white-space:nowrap;overflow:hidden;width:2000px'>{WORD}</p>",
    "empty": "<h2>Nothing</h2><p></p>",
    "flat": "<svg width='300' height='2'></svg>",
    "fetched": "<img src='http://127.0.0.1:9/a.png'>",
}


@pytest.mark.parametrize("flaw", UGLY)
def test_what_is_ugly_is_seen(tmp_path: Path, flaw: str) -> None:
    path = tmp_path / "page.html"
    path.write_text(page("Ugly", [f"<h2>Text</h2>{TEXT}{UGLY[flaw]}"]), encoding="utf-8")
    assert flaw in flaws(path, 800, tmp_path / "shot.png")


@pytest.mark.parametrize("width", [1280, 420])
def test_wide_tables_long_words_and_charts_fit(tmp_path: Path, width: int) -> None:
    metric = {"value": 0.5, "unit": "share", "low": 0.4, "high": 0.6, "stderr": 0.05, "n": 90}
    run = {"metrics": {subject: {"exact_match": metric} for subject in ("base", "tuned", "served")}}
    rows = [[f"column {n}" for n in range(30)], ["value"] * 29 + [WORD]]
    parts = [f"<h2>Text</h2>{TEXT}", "<h2>Table</h2>", table(rows), f"<h2>Chart</h2>{legend(run)}{interval_chart(run)}"]
    path = tmp_path / "page.html"
    path.write_text(page("Wide", parts), encoding="utf-8")
    assert flaws(path, width, tmp_path / "shot.png") == {}


def test_a_bound_on_one_side_is_no_interval() -> None:
    metric = {"value": 0.5, "unit": "share", "low": 0.4, "high": None, "stderr": 0.05, "n": 90}
    assert metric_text(metric) == "0.5 ± 0.05"
    assert "0.402 to 0.598" in interval_chart({"metrics": {"tuned": {"exact_match": metric}}})


def test_of_how_many_examples_a_figure_is_stands_beside_it() -> None:
    def measured(**counts: int) -> dict[str, Any]:
        one = {"value": 0.5, "unit": "share", "direction": "higher", "low": None, "high": None, "stderr": None}
        return {name: {**one, "n": n} for name, n in counts.items()}

    alike, apart = {"exact_match": 600}, {"robust_attack_success": 3}
    metrics = {
        "base": measured(**alike, **apart),
        "tuned": measured(**alike, robust_attack_success=50, brier=581),
        "compressed": measured(**alike),
    }
    told = {row[0]: row[-1] for row in metric_rows({"metrics": metrics})}
    assert told == {"metric": "n", "exact_match": "600", "robust_attack_success": "3 / 50 / –", "brier": "581"}


def ruling(kind: str, metric: str = "f1") -> dict[str, Any]:
    return {
        "metric": metric,
        "subject": "tuned",
        "verdict": kind,
        "said": "…",
        "n": 9,
        "needed": None,
        "tolerated": False,
    }


@pytest.mark.parametrize(
    ("run", "kind", "why"),
    [
        ({"status": "done"}, "none", "no gate was set"),
        ({"status": "done", "gates": [ruling("pass")]}, "pass", "the gate holds"),
        ({"status": "done", "gates": [{**ruling("pass"), "doubt": True}]}, "pass", "by point estimate only: f1"),
        ({"status": "failed", "gates": [ruling("pass"), ruling("fail")]}, "fail", "1 of 2 gates failed: f1"),
        ({"status": "failed", "gates": [ruling("inconclusive")]}, "inconclusive", "the gate is inconclusive: f1"),
        ({"status": "running"}, "none", "the run is running"),
    ],
)
def test_the_verdict_comes_from_the_gates(run: dict[str, Any], kind: str, why: str) -> None:
    told = verdict(run)
    assert told[0] == kind
    assert why in told[1]


def test_slices_stand_with_the_worst_of_the_last_model_first() -> None:
    def record(name: str, value: float) -> dict[str, Any]:
        return {"where": name, "slices": [name, "all"], "shift_f1": value}

    base = [record("short", 0.2), record("long", 0.4)]
    tuned = [record("short", 0.9), record("long", 0.3), {"where": "lost", "error": "status 400"}]
    assert slice_rows({"base": base, "tuned": tuned}) == [
        ["slice", "n", "base", "tuned"],
        ["long", "1", "0.400", "0.300"],
        ["all", "2", "0.300", "0.600"],
        ["short", "1", "0.200", "0.900"],
    ]
    assert slice_rows({"base": []}) == []
    assert slice_rows({"tuned": [{"where": "a:1", "shift_f1": 0.5}]}) == [], "of an encrypted data set"
