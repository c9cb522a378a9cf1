"""``data_steps`` by the real command: the recipe of the docs over rows with planted faults."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ftctl

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.heavy
PRIVATE = ("anna.schmidt@example.org", "11010519491231002X", "4111 1111 1111 1111", "13812345678")
SENTENCE = "Tell me how the {} is made in the old town by the sea, please, and who would make it today."
ANSWER = "The {} is made of whatever the sea brings to the old town, and by whoever is awake at that hour."


def rows() -> list[bytes]:
    """Sixty that are good, and of each fault some."""
    names = [f"{one} {two}" for one in ("red", "blue", "old", "long", "thin", "wide") for two in
             ("bread", "rope", "glass", "paper", "coat", "chair", "bell", "boat", "candle", "brick")]  # fmt: skip
    good = [(SENTENCE.format(name), ANSWER.format(name) + f" Number {n} of them.") for n, name in enumerate(names)]
    private = [(f"{SENTENCE.format('letter')} I am {value}, case {n}.", f"It is {value}.") for n, value in
               enumerate(PRIVATE)]  # fmt: skip
    broken = [("Is this schÃ¶n und grÃ¼n, tell me that in the old town by the sea please?", "Yes, it is, as you said.")]
    found = [*good, *private, *broken, (good[0][0].upper(), good[0][1].lower())]
    found += [
        ("Wie macht man das Brot in der alten Stadt am Meer, wenn ich fragen darf?", "Man nimmt Mehl und Wasser.")
    ]
    lines = [json.dumps({"prompt": q, "completion": a}, ensure_ascii=False).encode() for q, a in found]
    return [*lines, b"{broken " + PRIVATE[0].encode(), b'{"prompt": "x", "completion": ""}']


@pytest.fixture(scope="module")
def page() -> str:
    """The recipe at the top of the page."""
    found = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/how-to/clean-data.md").read_text(), re.DOTALL)[0]
    return str(found)


def written(folder: Path, page: str) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "train.jsonl").write_bytes(b"\n".join(rows()) + b"\n")
    # what is planted is alike beyond the words that tell it apart
    (folder / "run.yaml").write_text(page.replace("keep: [en, zh]", "keep: [en, zh], min_score: 0.3")
                                     .replace("threshold: 0.5", "threshold: 0.95"))  # fmt: skip


def dataset(folder: Path) -> Path:
    (found,) = (folder / ".ftctl" / "artifacts" / "dataset").glob("*/summary.json")
    return found.parent


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_the_recipe_of_the_page_accounts_for_every_row(ftctl: Ftctl, tmp_path: Path, page: str) -> None:
    written(tmp_path, page)
    done = ftctl("data", "run.yaml")
    assert done.returncode == 0, done.stderr
    assert "dedup-exact: " in done.stderr + done.stdout
    ledger = lines(dataset(tmp_path) / "ledger.jsonl")
    content = (tmp_path / "data" / "train.jsonl").read_bytes()
    assert len(ledger) == len(rows())
    assert [content[entry["byte"] :].split(b"\n")[0] for entry in ledger] == rows()
    states = Counter(entry["state"] for entry in ledger)
    assert states["quarantined"] == 2
    assert {(e["operator"], e["state"]) for e in ledger if e.get("operator")} == {
        ("filter-language", "filtered"), ("dedup-exact", "duplicate")}  # fmt: skip
    (repeated,) = [entry["duplicate_of"] for entry in ledger if entry.get("operator") == "dedup-exact"]
    assert repeated == 1
    kept = [row for split in ("train", "validation", "test") for row in lines(dataset(tmp_path) / f"{split}.jsonl")]
    assert len(kept) == states["kept"] == 65
    assert [row for row in kept if "schön und grün" in row["messages"][0]["content"]]


def test_nothing_private_is_left_anywhere(ftctl: Ftctl, tmp_path: Path, page: str) -> None:
    written(tmp_path, page)
    assert ftctl("data", "run.yaml").returncode == 0
    stored = [path for path in (tmp_path / ".ftctl").rglob("*") if path.is_file()]
    assert len(stored) > 8
    for path in stored:
        content = path.read_bytes()
        assert not [value for value in PRIVATE if value.encode() in content], path
    assert b"[CN_ID]" in b"".join(path.read_bytes() for path in dataset(tmp_path).glob("*.jsonl"))


def test_how_it_is_made_changes_nothing_and_each_option_does(ftctl: Ftctl, tmp_path: Path, page: str) -> None:
    def digest(*settings: str) -> str:
        done = ftctl("data", "run.yaml", "--json", *(f"--set={setting}" for setting in settings))
        assert done.returncode == 0, done.stderr
        (stage,) = [stage for stage in json.loads(done.stdout)["stages"] if stage["name"] == "data"]
        return str(stage["artifact"])

    written(tmp_path, page)
    first = digest()
    assert digest("data_source.memory_mb=16") == first
    assert digest("data_source.data_seed=9") != first
    assert digest("data_steps.pii.action=reject") != first


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("[split, dedup-exact]", "data_steps[1]: dedup-exact must come before the split"),
        ("[normalize]", "did you mean 'normalise'?"),
        ("[{use: pii, kinds: [emial]}]", "did you mean 'email'?"),
        ("[{use: filter-language}]", "data_steps[0].keep: missing"),
        ("[{use: pii, action: hash}]", "name a variable that holds one"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(ftctl: Ftctl, tmp_path: Path, steps: str, said: str) -> None:
    (tmp_path / "rows.jsonl").write_bytes(rows()[0] + b"\n")
    (tmp_path / "run.yaml").write_text(
        f"model: builtin:tiny\ndata_source: {{use: jsonl, path: rows.jsonl}}\ndata_steps: {steps}\n"
    )
    done = ftctl("data", "run.yaml")
    assert done.returncode in (2, 3)
    assert said in done.stderr
