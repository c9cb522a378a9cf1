"""The tutorial from a folder of PDFs to a tuned model, by the commands of its page; who writes is on the loopback."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Ftctl
from tests.docs.shell import blocks
from tests.documents import locked_pdf, pdf
from tests.openai_server import FakeService, serving

pytestmark = pytest.mark.heavy
PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "from-documents.md"
PRIVATE = "anna.schmidt@example.org"
SENTENCE = "Part {n} of the {name} is held by {n} screws of {m} millimetres, which are turned to the left."


def write_manuals(folder: Path) -> None:
    """Five manuals of six pages each, one of which is a picture, and a file that asks for a password."""
    folder.mkdir()
    for place, name in enumerate(("pump", "saw", "lathe", "press", "drill")):
        pages = [
            SENTENCE.format(n=place * 6 + n + 2, name=name, m=4 + n) + f"\nAsk {PRIVATE} for help." for n in range(6)
        ]
        (folder / f"{name}.pdf").write_bytes(pdf(["", *pages[1:]] if name == "saw" else pages))
    (folder / "locked.pdf").write_bytes(locked_pdf("secret page"))


def write_questions(body: dict) -> str:  # type: ignore[type-arg]
    """Two questions on the first sentence of the page, the second with words that are not there."""
    page = body["messages"][1]["content"]
    quote = page.splitlines()[0]
    count, size = re.findall(r"\d+", quote)[1:3]
    good = {"question": f"How many screws hold it, of {size} mm?", "answer": count, "reasoning": "", "quote": quote}
    return json.dumps({"items": [good, good | {"question": "Who made it?", "quote": "It was made by a smith."}]})


def test_from_a_folder_of_pdfs_to_a_tuned_model(ftctl: Ftctl, tmp_path: Path) -> None:
    """docs/tutorial/from-documents.md"""
    (recipe,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "run.yaml").write_text(recipe)
    write_manuals(tmp_path / "manuals")
    with serving(FakeService(write_questions)) as writer:
        outputs = []
        for line in "\n".join(blocks(PAGE)).splitlines():
            if not line.startswith("ftctl "):
                continue
            done = ftctl(*shlex.split(line)[1:], env={"WRITER_URL": writer.url})
            assert done.returncode == 0, done.stderr
            outputs.append(done.stdout + done.stderr)
        asked = len(writer.bodies)
        assert PRIVATE not in json.dumps(writer.bodies)
    assert "no_text_layer" in outputs[1]
    assert "encrypted" in outputs[1]
    assert "the quote is not in the text" in outputs[0]
    (summary,) = [
        json.loads(path.read_text()) for path in (tmp_path / ".ftctl/artifacts/dataset").glob("*/summary.json")
    ]
    pages = summary["splits"]["train"]
    assert summary["states"]["quarantined"] == 2
    assert summary["derived"]["splits"]["train"] == asked == pages > 5
    assert "verified" in outputs[2]
    report = next((tmp_path / ".ftctl/runs").glob("*/report.html")).read_text()
    assert "synth-qa" in report
    why = ftctl("data", "why", "pump.pdf:page 2").stdout
    if "in train" in why:
        assert "of it was made" in why
