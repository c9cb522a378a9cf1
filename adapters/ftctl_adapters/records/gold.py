"""Questions for annotators: identify them, write forms, read answers."""

from collections.abc import Iterator, Sequence
from html import escape

from attrs import evolve

from ftctl.domain.codec import digest
from ftctl.domain.example import Example, Message
from ftctl_adapters.records.annotations import KEY, annotations
from ftctl_adapters.records.form_csv import table

COLUMNS = ("item", "question", "answer", "expected")
EXPECTED = "expected"
SPLIT = "split"
"""The key of ``metadata`` under which a row says that it is a test row, for `data_source.split_field`."""


def question(row: Example) -> str:
    """Return the turns before the last answer without the system prompt; of raw text all of it.

    A system prompt that all rows have would make them alike.
    """
    turns = row.prompt.messages
    asked = [turn.content for turn in turns if turn.role != "system"] or [turn.content for turn in turns]
    return "\n".join(asked) if row.messages else row.text


def item_of(row: Example) -> str:
    """Return the id of a question in forms, independent of file and line.

    A letter comes first, or a spreadsheet takes some for numbers.
    """
    return "q" + digest([turn.identity for turn in row.prompt.messages] or row.text)[:12]


def expecting(row: Example, answer: str, said: Sequence[tuple[str, str]]) -> Example:
    """Return the row with the expected answer, and who wrote which."""
    turns = (*row.messages[:-1], Message("assistant", answer))
    told = [{"by": who, "name": EXPECTED, "value": text} for who, text in said]
    kept = [one for one in annotations(row) if one.get("name") != EXPECTED]
    return evolve(row, messages=turns, metadata={**row.metadata, SPLIT: "test", KEY: [*kept, *told]})


def csv_form(rows: Iterator[Example]) -> str:
    """Return a CSV form with one line a row, whose last column is to be filled in."""
    return table(COLUMNS, ([item_of(row), _shown(row), row.answer, ""] for row in _once(rows)))


def html_form(rows: Iterator[Example]) -> str:
    """The same as a page that needs no network, and saves what was written as CSV."""
    return PAGE.replace("SECTIONS", "\n".join(_section(number, row) for number, row in enumerate(_once(rows), 1)))


def _once(rows: Iterator[Example]) -> Iterator[Example]:
    """Yield the first of rows that ask the same."""
    seen: set[str] = set()
    for row in rows:
        if item_of(row) not in seen:
            seen.add(item_of(row))
            yield row


def _shown(row: Example) -> str:
    """Return the turns with their roles; a single question without."""
    turns = row.prompt.messages
    if not turns:
        return row.text
    return turns[0].content if len(turns) == 1 else "\n\n".join(f"[{turn.role}] {turn.content}" for turn in turns)


def _section(number: int, row: Example) -> str:
    told = f"<p>What was answered</p><pre>{escape(row.answer)}</pre>" if row.messages else ""
    return (
        f"<section><h2>{number}</h2><pre>{escape(_shown(row))}</pre>{told}"
        f'<label>What should be answered<textarea name="{item_of(row)}" rows="4"></textarea></label></section>'
    )


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>What should be answered?</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1rem; }
section { border-top: 1px solid #bbb; padding: 1rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f4f4; padding: .8rem; margin: 0; font: inherit; }
textarea { display: block; width: 100%; box-sizing: border-box; font: inherit; }
button { font: inherit; padding: .5rem 1rem; }
</style>
<body>
<h1>What should be answered?</h1>
<p>Write the answer that you would want, and leave open what nobody can answer. Then save the file and send it back.
Nothing leaves this page by itself.</p>
<form>
SECTIONS
</form>
<label>Your name <input id="who"></label> <button id="save">Save as CSV</button> <span id="left"></span>
<script>
document.getElementById("save").onclick = () => {
  const written = [...document.querySelectorAll("textarea")].map(area => [area.name, area.value]);
  const open = written.filter(one => !one[1].trim()).length;
  document.getElementById("left").textContent = open ? `${open} left open` : "";
  const cell = text => `"${text.replaceAll('"', '""')}"`;
  const rows = [["item", "expected"], ...written].map(row => row.map(cell).join(","));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\\ufeff" + rows.join("\\r\\n") + "\\r\\n"], {type: "text/csv"}));
  const who = document.getElementById("who").value.replace(/[^\\p{L}\\p{N}]+/gu, "-");
  link.download = `answers${who && "-" + who}.csv`;
  link.click();
};
</script>
</body>
</html>
"""
