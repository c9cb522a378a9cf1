"""A server as a target: what is asked of it, what becomes of faults, and what it is refused for."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.artifact import Artifact, served_model
from ftctl.domain.example import Example, Message, Prompt
from ftctl.domain.format import HF
from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.target import LoadedTarget
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.serving.target import EndpointTarget, Link
from ftctl_plugins.loaders.openai import OpenaiLoader, OpenaiLoaderOptions
from tests.openai_server import FakeService, serving

TINY = str(BUILTIN["builtin:tiny"])


def question(text: str) -> Prompt:
    return Prompt((Message("system", "Be short."), Message("user", text)))


@pytest.fixture
def service() -> Iterator[FakeService]:
    with serving(FakeService(lambda body: body["messages"][-1]["content"].upper())) as running:
        yield running


def target(service: FakeService, tokenizer: ChatTokenizer | None = None, **more: Any) -> EndpointTarget:
    return EndpointTarget(Endpoint(service.url, "served"), Link(timeout=5.0, **more), tokenizer)


def test_answers_come_in_the_order_of_the_questions(service: FakeService) -> None:
    asked = [question(f"number {n}") for n in range(30)]
    answers = target(service, key="planted").generate(asked, 7)
    assert [answer.text for answer in answers] == [f"NUMBER {n}" for n in range(30)]
    assert {body["max_tokens"] for body in service.bodies} == {7}
    assert {body["temperature"] for body in service.bodies} == {0}
    assert {headers["Authorization"] for headers in service.headers} == {"Bearer planted"}


@pytest.mark.parametrize(
    ("listed", "room"), [({"max_model_len": 512}, 512), ({}, None), ({"max_model_len": "x"}, None)]
)
def test_a_server_may_tell_how_long_a_question_may_be(
    service: FakeService, listed: dict[str, Any], room: int | None
) -> None:
    service.listed = listed
    assert target(service).max_model_len == room


def test_of_a_server_that_lists_nothing_or_another_model_nobody_knows_how_long_a_question_may_be(
    service: FakeService,
) -> None:
    service.listed, service.model = {"max_model_len": 512}, "another"
    assert target(service).max_model_len is None
    assert EndpointTarget(Endpoint("http://127.0.0.1:9/v1", "served"), Link()).max_model_len is None


def test_what_passes_is_asked_again_and_what_does_not_is_an_error(service: FakeService) -> None:
    service.faults = [503, None, 400]
    answers = target(service, concurrency=1).generate([question("a"), question("b"), question("c")], 7)
    assert [(answer.text, answer.error) for answer in answers] == [("A", ""), ("", "status 400"), ("C", "")]


def test_a_server_that_never_comes_through_leaves_its_question_unanswered(service: FakeService) -> None:
    service.faults = [500] * 5
    (answer,) = target(service).generate([question("a")], 7)
    assert answer.error == "status 500, 5 times"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_who_may_not_ask_is_told_at_once(service: FakeService, status: int) -> None:
    service.faults = [status] * 9
    with pytest.raises(BackendFailed, match=f"status {status}"):
        target(service, concurrency=1).generate([question("a"), question("b")], 7)


@pytest.fixture(scope="module")
def tokenizer() -> ChatTokenizer:
    return ChatTokenizer(TINY)


def told(body: dict[str, Any], tokenizer: ChatTokenizer, **more: Any) -> dict[str, Any]:
    """What a server answers that takes both fields."""
    count = len(body["prompt"]) + 1
    scores = {"token_logprobs": [None, *[-1.0] * (count - 1)]}
    return {"text": tokenizer.decode(body["prompt"]) + " x", "logprobs": scores} | more


REFUSED: dict[str, tuple[Callable[[dict[str, Any], ChatTokenizer], dict[str, Any]] | None, str]] = {
    "no such path": (None, "refuses `echo` with `logprobs`"),
    "no logprobs": (lambda body, one: told(body, one, logprobs=None), "ignores the field `logprobs`"),
    "no echo": (lambda body, one: {"text": "x", "logprobs": {"token_logprobs": [-1.0]}}, "ignores the field `echo`"),
    "other tokens": (lambda body, one: told(body, one, text="Der Fluss"), "its tokenizer is not the one"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_server_that_cannot_be_scored_is_refused_by_the_name_of_the_field(
    service: FakeService, tokenizer: ChatTokenizer, case: str
) -> None:
    answer, reason = REFUSED[case]
    service.completed = answer and (lambda body: answer(body, tokenizer))
    one = target(service, tokenizer)
    assert re.search(reason, "; ".join(one.refusals(scores=True)))
    assert one.refusals(scores=False) == ()


def test_a_server_that_takes_both_fields_is_not_refused(service: FakeService, tokenizer: ChatTokenizer) -> None:
    service.completed = lambda body: told(body, tokenizer)
    assert target(service, tokenizer).refusals(scores=True) == ()
    assert "endpoint.tokenizer" in target(service).refusals(scores=True)[0]
    service.url = "http://127.0.0.1:9/v1"
    assert "does not answer: nothing listens at that address" in target(service).refusals(scores=False)[0]


def test_an_answer_that_has_begun_is_asked_for_in_the_tokens_of_question_and_beginning(
    service: FakeService, tokenizer: ChatTokenizer
) -> None:
    service.completed = lambda body: {"text": " 5678.", "finish_reason": "stop"}
    asked = evolve(question("Which code?"), begun="It is 1234")
    (answer,) = target(service, tokenizer).generate([asked], 7)
    assert (answer.text, answer.finish_reason, answer.error) == (" 5678.", "stop", "")
    (body,) = service.bodies
    assert tokenizer.raw.decode(body["prompt"]) == tokenizer.render(asked.messages, ask=True) + "It is 1234"
    assert (body["max_tokens"], body["temperature"]) == (7, 0)
    assert "echo" not in body
    with pytest.raises(BackendFailed, match="endpoint.tokenizer"):
        target(service).generate([asked], 7)


@pytest.mark.heavy
def test_a_score_over_a_server_is_that_of_the_same_model_here(service: FakeService, tokenizer: ChatTokenizer) -> None:
    """The service computes log-probabilities by the model itself, as it should: of each token, given those before."""
    import torch

    model = load_whole(Artifact("model", HF, "", TINY)).float()

    def completed(body: dict[str, Any]) -> dict[str, Any]:
        ids = torch.tensor([body["prompt"]])
        with torch.inference_mode():
            rows = model(ids).logits[0].log_softmax(-1)
        values = rows[:-1].gather(1, ids[0, 1:, None])[:, 0].tolist()
        return {"text": "x", "logprobs": {"token_logprobs": [None, *values, -0.5]}}

    service.completed = completed
    examples: Sequence[Example] = [
        Example("a", (Message("user", "Where is the mill?"), Message("assistant", "By the river."))),
        Example("b", (Message("user", "几点了?"), Message("assistant", "三点。"))),
        Example("c", text="One line of raw text."),
    ]
    here = LoadedTarget(model, tokenizer).score(examples)
    there = target(service, tokenizer).score(examples)
    for one, other in zip(here, there, strict=True):
        assert (one.tokens, one.characters) == (other.tokens, other.characters)
        assert abs(one.log_probability - other.log_probability) < 1e-4


def test_a_score_that_does_not_come_is_told_with_its_reason(service: FakeService, tokenizer: ChatTokenizer) -> None:
    service.completed = lambda body: told(body, tokenizer)
    examples = [Example(f"e:{place}", text=f"Line {place}.") for place in range(3)]
    service.faults = [400]
    lost, *scored = target(service, tokenizer, concurrency=1).score(examples)
    assert (lost.error, math.isnan(lost.log_probability)) == ("status 400", True)
    assert [score.error for score in scored] == ["", ""]
    service.completed = lambda body: told(body, tokenizer, logprobs={"token_logprobs": [None] * len(body["prompt"])})
    assert {score.error for score in target(service, tokenizer).score(examples)} == {
        "a token without a log-probability"
    }
    service.faults = [401] * 3
    with pytest.raises(BackendFailed, match="status 401"):
        target(service, tokenizer).score(examples)


def test_the_model_is_the_first_that_is_listed_to_who_has_the_key(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.model = "listed"
    monkeypatch.setenv("SERVER_KEY", "planted\r\n")
    loader = OpenaiLoader(OpenaiLoaderOptions(key_env="SERVER_KEY"))
    loader.load(served_model(Endpoint(service.url, ""))).generate([question("a")], 4)
    assert service.bodies[0]["model"] == "listed"
    assert {headers["Authorization"] for headers in service.headers} == {"Bearer planted"}
    assert len(service.headers) == 2


def test_an_error_does_not_quote_the_key(service: FakeService) -> None:
    (reason,) = target(service, key="planted\nkey").refusals(scores=False)
    assert reason == "it does not answer: its answer is no JSON that OpenAI's servers send"
