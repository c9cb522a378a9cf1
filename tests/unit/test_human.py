"""People rate what they do not know the origin of; what they say is counted as they meant it."""

import csv
import random
from pathlib import Path

import pytest

from ftctl.domain.example import Example, Message
from ftctl.domain.metric import mean_metric
from ftctl.domain.report import Report
from ftctl.ports.evaluator import EvaluatorError
from ftctl.testing.contracts.stage import recording
from ftctl_plugins.evaluators.quality.human import Human, HumanOptions, alpha
from ftctl_plugins.evaluators.quality.human_form import read_ratings
from tests.answering import Ruled
from tests.browser import flaws

pytest.importorskip("numpy")
DATA = [Example(f"h:{n}", (Message("user", f"double {n}"), Message("assistant", f"expected {n}"))) for n in range(30)]
MODEL = Ruled(lambda prompt: f"=model {prompt.question}")


def measured(folder: Path, *ratings: Path, target: Ruled = MODEL) -> tuple[Report, Path]:
    context = recording(folder)
    return Human(HumanOptions(ratings=tuple(map(str, ratings)))).evaluate(target, DATA, context), context.out


def form(folder: Path) -> list[dict[str, str]]:
    with (folder / "human.form.csv").open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def rate(rows: list[dict[str, str]], path: Path, share: float, seed: int = 1) -> Path:
    """Prefers the model in so many of the rows."""
    draw = random.Random(seed)
    for row in rows:
        model = "1" if "model" in row["first"] else "2"
        row["choice"] = model if draw.random() < share else "12".replace(model, "")
    with path.open("w", encoding="utf-8", newline="") as lines:
        table = csv.DictWriter(lines, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    return path


def test_forms_are_blind_and_the_order_is_drawn(tmp_path: Path) -> None:
    report, out = measured(tmp_path)
    rows = form(out)
    assert (report.metrics, len(rows)) == ((), 30)
    first = [("model" in row["first"]) for row in rows]
    assert 5 < sum(first) < 25, "the model stands first in about half of them"
    assert [row["item"] for row in rows] == [record["item"] for record in report.records]
    assert all(row["choice"] == "" for row in rows)
    assert all(not row[name].startswith("=") for row in rows for name in ("first", "second")), "a formula"
    page = (out / "human.form.html").read_text()
    assert page.count('type="radio"') == 90
    assert "http" not in page.replace("http-equiv", "")


def test_what_raters_prefer_is_counted_wherever_it_stood(tmp_path: Path) -> None:
    _, out = measured(tmp_path / "form")
    for share, wanted in ((1.0, 1.0), (0.0, 0.0)):
        filled = rate(form(out), tmp_path / f"{share}.csv", share)
        report, _ = measured(tmp_path / f"rated {share}", filled)
        assert [(metric.name, metric.value) for metric in report.metrics] == [("human_preference", wanted)]
    both = [tmp_path / "1.0.csv", tmp_path / "0.0.csv"]
    report, _ = measured(tmp_path / "both", *both)
    found = {metric.name: metric.value for metric in report.metrics}
    assert found["human_preference"] == 0.5, "one for each is a tie"
    assert found["human_alpha"] < 0
    assert "30 of 30 examples rated, by 2" in report.notes["human"]


def test_an_answer_that_has_changed_is_not_rated(tmp_path: Path) -> None:
    _, out = measured(tmp_path / "form")
    filled = rate(form(out), tmp_path / "rated.csv", 1.0)
    other = Ruled(lambda prompt: "model, otherwise" if prompt.question.endswith("1") else MODEL.says(prompt))
    report, _ = measured(tmp_path / "again", filled, target=other)
    assert report.metrics[0].n == 27
    assert "27 of 30" in report.notes["human"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("item,choice\na,3\n", "r.csv:2: '3' is no choice"),
        ("name,choice\na,1\n", "r.csv: needs the columns"),
        ("item\na\n", "r.csv: needs the columns"),
        ("item,choice\na,1\na,2\n", "r.csv:3: a was rated before"),
    ],
)
def test_a_line_that_is_no_rating_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(EvaluatorError, match=said):
        read_ratings(tmp_path / "r.csv")
    with pytest.raises(EvaluatorError, match="cannot read nowhere"):
        Human(HumanOptions(ratings=("nowhere",))).fingerprint()


def test_a_form_that_a_spreadsheet_has_saved_is_read(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("item;question;choice\na;x;1\n;;\n\nb;y,z;=\n")
    assert read_ratings(tmp_path / "r.csv") == {"a": "1", "b": "="}
    (tmp_path / "long.csv").write_text(f"item,question,choice\na,{'x' * 200_000},1\n")
    assert read_ratings(tmp_path / "long.csv") == {"a": "1"}


def test_of_a_model_that_few_have_rated_no_figure_is_told(tmp_path: Path) -> None:
    _, out = measured(tmp_path / "form")
    filled = rate(form(out), tmp_path / "rated.csv", 1.0)
    other = Ruled(lambda prompt: "model" if prompt.question != "double 7" else MODEL.says(prompt))
    report, _ = measured(tmp_path / "again", filled, target=other)
    assert report.metrics == ()
    assert report.notes["human"] == "1 of 30 examples rated, by 1; 29 ratings are of other answers"


def test_what_cannot_be_encoded_or_would_be_read_as_markup_is_shown_as_text(tmp_path: Path) -> None:
    odd = Ruled(lambda prompt: "</pre><script>alert(1)</script>\udc80")
    _, out = measured(tmp_path, target=odd)
    assert "<script>alert" not in (out / "human.form.html").read_text()
    assert len(form(out)) == 30


def test_what_is_left_open_is_not_rated(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("item,choice\na,\nb,=\nc,1\n")
    assert read_ratings(tmp_path / "r.csv") == {"b": "=", "c": "1"}


def test_intervals_hold_what_raters_with_known_errors_would_show() -> None:
    """Three raters of whom each errs in one of ten: alpha is 1 - 2p(1 - p) / 0.5, and most of three errs in 0.028."""
    runs, items, error, better = 500, 100, 0.1, 0.5
    held_alpha = held_share = 0
    wrong = 3 * error**2 * (1 - error) + error**3
    for seed in range(runs):
        draw = random.Random(seed)
        table = []
        for _ in range(items):
            truth = draw.random() < better
            table.append([float(truth != (draw.random() < error)) for _ in range(3)])
        found = alpha(table, samples=200)
        assert found
        assert found.low is not None
        assert found.high is not None
        held_alpha += found.low <= 1 - 2 * error * (1 - error) / 0.5 <= found.high
        votes = [float(sum(row) >= 2) for row in table]
        share = mean_metric("x", votes, unit="share", direction="higher")
        assert share.low is not None
        assert share.high is not None
        held_share += share.low <= better * (1 - wrong) + (1 - better) * wrong <= share.high
    assert held_alpha / runs >= 0.93
    assert held_share / runs >= 0.93


def test_the_form_fits_a_screen_and_a_phone(tmp_path: Path) -> None:
    _, out = measured(tmp_path)
    for width in (1280, 420):
        assert not (found := flaws(out / "human.form.html", width, tmp_path / f"{width}.png")), (width, found)
