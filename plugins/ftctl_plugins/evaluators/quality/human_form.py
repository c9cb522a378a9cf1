"""Forms for blind comparison: two answers to each question; nothing tells which model wrote them."""

import html
import json
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from ftctl.ports.evaluator import EvaluatorError
from ftctl_adapters.records.form_csv import Unreadable, filled_in, table

FIRST, SECOND, TIE = "1", "2", "="
COLUMNS = ("item", "question", "first", "second", "choice")

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Which answer is better?</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }}
h2 {{ font-size: 1rem; }}
section {{ border-top: 1px solid #bbb; padding: 1rem 0; }}
.both {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1rem; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f4f4; padding: .8rem; margin: 0; font: inherit; }}
label {{ margin-right: 1.5rem; }}
button {{ font: inherit; padding: .5rem 1rem; }}
</style>
<body>
<h1>Which answer is better?</h1>
<p>Choose one for each question, then save the file and send it back. Nothing leaves this page by itself.</p>
<form>
{sections}
</form>
<button id="save">Save as CSV</button> <span id="left"></span>
<script>
const items = {items};
document.getElementById("save").onclick = () => {{
  const choice = name => document.querySelector(`input[name="${{name}}"]:checked`);
  const chosen = items.map(name => [name, choice(name) ? choice(name).value : ""]);
  const open = chosen.filter(one => !one[1]).length;
  document.getElementById("left").textContent = open ? `${{open}} without a choice` : "";
  const link = document.createElement("a");
  const rows = [["item", "choice"], ...chosen].map(row => row.map(cell => `"${{cell}}"`).join(","));
  link.href = URL.createObjectURL(new Blob([rows.join("\\r\\n") + "\\r\\n"], {{type: "text/csv"}}));
  link.download = "ratings.csv";
  link.click();
}};
</script>
</body>
</html>
"""
SECTION = """<section><h2>{number}</h2><pre>{question}</pre>
<div class="both"><div><p>First</p><pre>{first}</pre></div><div><p>Second</p><pre>{second}</pre></div></div>
<p>{choices}</p></section>"""
CHOICE = '<label><input type="radio" name="{}" value="{}"> {}</label>'
CHOICES = {FIRST: "the first", SECOND: "the second", TIE: "neither"}


@frozen
class Item:
    """A pair of answers; ``name`` and form do not reveal ``model_first``."""

    name: str
    question: str
    first: str
    second: str
    model_first: bool


def write_csv(items: Sequence[Item], path: Path) -> None:
    """Write a form with one line an item, whose last column takes 1, 2 or =."""
    rows = [[one.name, one.question, one.first, one.second, ""] for one in items]
    path.write_bytes(table(COLUMNS, rows).encode("utf-8", "replace"))


def write_html(items: Sequence[Item], path: Path) -> None:
    """Write the form as an HTML page that needs no network, and saves choices as CSV."""
    sections = "\n".join(_section(number, item) for number, item in enumerate(items, 1))
    page = PAGE.format(sections=sections, items=json.dumps([one.name for one in items]))
    path.write_text(page, encoding="utf-8", errors="replace")


def _section(number: int, item: Item) -> str:
    choices = "".join(CHOICE.format(item.name, value, said) for value, said in CHOICES.items())
    texts = {name: html.escape(getattr(item, name)) for name in ("question", "first", "second")}
    return SECTION.format(**texts, number=number, choices=choices)


def read_ratings(path: Path) -> dict[str, str]:
    """Read a rater's choices by item; open items are left out.

    Raises:
        EvaluatorError: the file cannot be read, or a line of it is no choice.
    """
    try:
        rows = filled_in(path, "item", "choice")
    except Unreadable as error:
        raise EvaluatorError(f"human.ratings: {error}", next_step="save it as CSV, with the form's columns") from error
    found: dict[str, str] = {}
    for number, name, choice in rows:
        if choice not in (*CHOICES, ""):
            line = f"human.ratings: {path}:{number}: {choice!r} is no choice; 1, 2 or ="
            raise EvaluatorError(line, next_step="correct it, or leave it empty")
        if found.get(name, choice) != choice:
            raise EvaluatorError(f"human.ratings: {path}:{number}: {name} was rated before, otherwise",
                                 next_step="one file a rater")  # fmt: skip
        if choice:
            found[name] = choice
    return found
