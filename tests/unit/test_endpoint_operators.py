"""Operators that ask a language model: what they send, what they take, and what faults of the server cost."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.example import Example, Message
from ftctl.domain.outcome import Derived, Dropped
from ftctl.errors import BackendFailed, DataError
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator, RowOperator
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.stage import recording
from ftctl_adapters.bootstrap import build_registry
from ftctl_adapters.records.chunks import chunks
from ftctl_adapters.serving.batch_client import Asker, Service
from ftctl_adapters.serving.retry import NoAnswer
from tests.openai_server import FakeService, serving

TEXT = "Bells are cast from bronze. The mould is made of clay. It rests for three days before it is opened."
SERVICE = Service("ENDPOINT", "judge", "ENDPOINT_KEY", 64, 0.0, 1.0, None)


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    return recording(tmp_path / "stage", data_seed=7)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    with serving(FakeService(lambda body: "fine")) as running:
        monkeypatch.setenv("ENDPOINT", running.url)
        monkeypatch.setenv("ENDPOINT_KEY", "planted-key-of-the-test")
        yield running


def operator(name: str, **values: Any) -> RowOperator:
    given = {"url_env": "ENDPOINT", "model": "judge", **values}
    found: DataOperator = make(build_registry().find("data_operator", name), given)  # type: ignore[arg-type]
    assert isinstance(found, RowOperator)
    return found


def asker(folder: Path, **more: Any) -> Asker:
    return Asker(evolve(SERVICE, **more), folder / "answers", folder / "usage", lambda: None, lambda seconds: None)


QUESTION = [{"role": "user", "content": "How are bells cast?"}]


@pytest.mark.parametrize("fault", [429, 500, 503, "hang", "cut", "garbage"])
def test_what_passes_is_tried_again(fault: Any, service: FakeService, tmp_path: Path) -> None:
    service.faults = [fault, fault]
    one = asker(tmp_path)
    assert one.ask(QUESTION) == "fine"
    assert (one.asked, one.tokens, len(service.bodies)) == (3, 10, 3)
    assert all(headers["Authorization"] == "Bearer planted-key-of-the-test" for headers in service.headers)


@pytest.mark.parametrize("fault", [400, 422, "empty"])
def test_what_is_refused_is_not_asked_again(fault: Any, service: FakeService, tmp_path: Path) -> None:
    service.faults = [fault]
    with pytest.raises(NoAnswer):
        asker(tmp_path).ask(QUESTION)
    assert len(service.bodies) == 1


@pytest.mark.parametrize(
    ("faults", "said"), [([401], "status 401"), ([302], "status 302"), ([500] * 5, "status 500, 5 times")]
)
def test_a_server_that_stays_away_ends_it_without_its_address(
    faults: list[int], said: str, service: FakeService, tmp_path: Path
) -> None:
    service.faults = list(faults)
    with pytest.raises(BackendFailed, match=said) as caught:
        asker(tmp_path).ask(QUESTION)
    assert "127.0.0.1" not in str(caught.value)


def test_nothing_is_asked_twice_and_the_budget_holds_over_runs(service: FakeService, tmp_path: Path) -> None:
    assert [asker(tmp_path).ask(QUESTION) for _ in range(3)] == ["fine"] * 3
    assert len(service.bodies) == 1
    spent = asker(tmp_path, budget_tokens=25)
    for number in range(2):
        spent.ask([{"role": "user", "content": f"{number}"}])
    with pytest.raises(DataError, match="budget of 25 tokens is spent"):
        spent.ask([{"role": "user", "content": "more"}])
    assert spent.ask(QUESTION) == "fine"
    assert len(service.bodies) == 3
    assert b"planted-key" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_empty_answers_cost_the_budget_too_and_half_written_ones_are_asked_again(
    service: FakeService, tmp_path: Path
) -> None:
    service.answer = lambda body: ""
    one, other = asker(tmp_path, budget_tokens=15), asker(tmp_path, budget_tokens=15)
    for number in range(2):
        with pytest.raises(NoAnswer):
            one.ask([{"role": "user", "content": f"{number}"}])
    with pytest.raises(DataError, match="budget"):
        other.ask([{"role": "user", "content": "more"}])
    service.answer = lambda body: "fine"
    for path in (tmp_path / "answers").iterdir():
        path.write_text("")
    assert asker(tmp_path).ask([{"role": "user", "content": "0"}]) == "fine"


def test_an_address_that_is_none_does_not_show_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDPOINT", "http://user:planted secret@127.0.0.1:9/v1")
    with pytest.raises(BackendFailed) as caught:
        asker(tmp_path).ask(QUESTION)
    assert "planted" not in str(caught.value)


def test_no_address_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ENDPOINT", raising=False)
    with pytest.raises(DataError, match="ENDPOINT is not set"):
        asker(tmp_path).ask(QUESTION)


def item(**changed: Any) -> dict[str, Any]:
    told = {"question": "What are bells cast from?", "answer": "From bronze.", "reasoning": "It says so.",
            "quote": "Bells are cast\n from bronze."}  # fmt: skip
    return {name: value for name, value in {**told, **changed}.items() if value is not None}


def test_questions_stand_on_what_the_text_says(service: FakeService, context: StageContext) -> None:
    items = [item(), item(quote="Bells are cast from iron."), item(answer=None), item(question=" "), "nothing"]
    service.answer = lambda body: f"Here it is:\n```json\n{json.dumps({'items': items})}\n```"
    rows = [Example("a.pdf:page 1", text=TEXT, group="a.pdf", metadata={"document": "a.pdf"}),
            Example("r:1", (Message("user", "Hi"), Message("assistant", "Hello")))]  # fmt: skip
    found, other = operator("synth-qa", per_chunk=5, reasoning="metadata").process(rows, context)
    assert other == rows[1]
    assert isinstance(found, Derived)
    assert found.example == rows[0]
    (made,) = found.made
    assert [turn.content for turn in made.messages] == ["What are bells cast from?", "From bronze."]
    assert made.metadata == {"document": "a.pdf", "quote": item()["quote"], "reasoning": "It says so."}
    assert made.group == "a.pdf"
    (warned,) = [data["message"] for kind, data in context.settings["events"] if kind == "WarningRaised"]
    assert "3 times a question without all its parts" in warned
    assert "1 times the quote is not in the text" in warned
    steps = operator("synth-qa", reasoning="answer").process(rows[:1], context)[0]
    assert isinstance(steps, Derived)
    assert steps.made[0].answer == "It says so.\n\nFrom bronze."


@pytest.mark.parametrize("reply", ["I would rather not.", '{"items": 3}', '{"items": [', "[]"])
def test_a_reply_that_is_no_json_makes_nothing(reply: str, service: FakeService, context: StageContext) -> None:
    service.answer = lambda body: reply
    row = Example("a:1", text=TEXT)
    assert operator("synth-qa").process([row], context) == [row]


def test_a_long_text_is_asked_about_piece_by_piece(service: FakeService, context: StageContext) -> None:
    text = "\n\n".join(f"Paragraph {n} says that bell number {n} is cast in the year {1500 + n}." for n in range(40))
    pieces = list(chunks(text, 400, 60))
    assert all(len(piece) <= 400 for piece in pieces)
    assert all(f"number {n} is cast in the year {1500 + n}." in " ".join(pieces) for n in range(40))

    def answer(body: dict[str, Any]) -> str:
        first = re.search(
            r"Paragraph (\d+) says that bell number \d+ is cast in the year \d+\.", body["messages"][1]["content"]
        )
        assert first
        return json.dumps({"items": [item(question=f"What of {first[1]}?", quote=first[0])]})

    service.answer = answer
    (found,) = operator("synth-qa", chunk_chars=400, overlap_chars=60).process([Example("a:1", text=text)], context)
    assert isinstance(found, Derived)
    assert len(found.made) == len(service.bodies) == len(pieces)
    again = operator("synth-qa", chunk_chars=400, overlap_chars=60).process([Example("a:1", text=text)], context)
    assert again == [found]
    assert len(service.bodies) == len(pieces)


def compared(first: str, second: str) -> Example:
    return Example("r:1", (Message("user", "Which?"), Message("assistant", first)),
                   metadata={"responses": [{"text": first}, {"text": second}], "kept": 1})  # fmt: skip


def prefers(text: str) -> Any:
    """A judge that finds this answer better wherever it stands."""
    return lambda body: "A" if f"[Answer A]\n{text}" in body["messages"][1]["content"] else "The better one is: B"


def test_a_judge_is_asked_in_both_orders(service: FakeService, context: StageContext) -> None:
    judge = operator("pairs-judge")
    service.answer = prefers("good")
    for row in (compared("good", "bad"), compared("bad", "good")):
        (found,) = judge.process([row], context)
        assert isinstance(found, Example)
        assert (found.answer, found.rejected[0].content, found.metadata) == ("good", "bad", {"kept": 1})
    assert len(service.bodies) == 2  # the second row is asked about as the first one was


@pytest.mark.parametrize(
    ("answer", "said"),
    [("A", "the judge changed its mind with the order"), ("C", "a tie"), ("Both are", "no A, B or C")],
)
def test_a_judge_that_says_nothing_is_not_believed(
    answer: str, said: str, service: FakeService, context: StageContext
) -> None:
    service.answer = lambda body: answer
    (found,) = operator("pairs-judge").process([compared("x", "y")], context)
    assert isinstance(found, Dropped)
    assert said in found.reason


def test_a_question_comes_back_in_other_words(service: FakeService, context: StageContext) -> None:
    words = {
        "What does the bell weigh?": "Combien pèse la cloche ?",
        "Combien pèse la cloche ?": "How heavy is the bell?",
    }
    service.answer = lambda body: words[body["messages"][1]["content"]]
    row = Example("r:1", (Message("user", "What does the bell weigh?"), Message("assistant", "A ton.")))
    translate = operator("augment-backtranslate", language="English", share=1.0)
    (found,) = translate.process([row], context)
    assert isinstance(found, Derived)
    assert [turn.content for turn in found.made[0].messages] == ["How heavy is the bell?", "A ton."]
    service.answer = lambda body: body["messages"][1]["content"]
    same = Example("r:2", (Message("user", "What is it?"), Message("assistant", "A bell.")))
    assert translate.process([same], context) == [same]
    service.faults = [400]
    other = Example("r:3", (Message("user", "Who is it?"), Message("assistant", "A smith.")))
    assert translate.process([other], context) == [other]
