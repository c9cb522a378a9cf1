"""Answers of the transformers server: to what it cannot read, and for clients that have left."""

import asyncio
import threading
from typing import Any

import pytest

pytest.importorskip("transformers")
from fastapi import HTTPException

from ftctl.testing import tiny_model
from ftctl_adapters.serving.client_watch import ClientWatch, left
from ftctl_adapters.serving.transformers_bodies import problem_of
from ftctl_adapters.serving.transformers_requests import AskedModel, _known, _parsed, _room

ASKED = {"messages": [{"role": "user", "content": "Good morning"}]}


def test_a_call_that_was_broken_off_is_text() -> None:
    def fails(*_given: object, cleaned_content: str, **_more: object) -> object:
        raise ValueError("json parser could not parse region as JSON")

    assert _parsed(fails)(cleaned_content='<tool_call>{"name": "col') == ('<tool_call>{"name": "col', None, None)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        ({"temperature": 0, "top_p": 1, "seed": 7, "stop": ["."], "logit_bias": {"3": -100}}, None),
        ({"messages": []}, "messages: List should have at least 1 item"),
        ({"messages": "Good morning"}, "messages: Input should be a valid list"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "only parts of type text"),
        ({"messages": [{"role": "user", "content": "half \ud800"}]}, "half of a surrogate pair"),
        ({"n": 2}, "n: this server gives one choice"),
        ({"max_tokens": 0}, "max_tokens: "),
        ({"temperature": -1}, "temperature: "),
        ({"frequency_penalty": -1}, "frequency_penalty: "),
        ({"seed": -1}, "seed: "),
        ({"logit_bias": {"word": 1}}, "logit_bias.word"),
        ({"generation_config": "{}"}, "generation_config: "),
        ({"chat_template_kwargs": {"tokenize": False}}, "tokenize: no variable of a template"),
        ({"chat_template_kwargs": {"enable_thinking": False}}, None),
    ],
)
def test_bodies_that_cannot_be_answered_are_told(change: dict[str, Any], problem: str | None) -> None:
    found = problem_of(ASKED | change)
    assert found == problem if problem is None else problem in str(found)


def test_a_prompt_of_several_texts_is_refused() -> None:
    assert "prompt: " in str(problem_of({"prompt": ["one", "two"]}))


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_model().path)


def test_an_answer_ends_where_the_context_does(model: Any) -> None:
    import torch

    context = model.config.max_position_embeddings
    assert _room(model, {"input_ids": torch.ones(1, context - 3)}, 1000) == 3
    assert _room(model, {"input_ids": torch.ones(1, 5)}, 8) == 8
    for length in (0, context, context + 1):
        with pytest.raises(HTTPException) as raised:
            _room(model, {"input_ids": torch.ones(1, length)}, 8)
        assert raised.value.status_code == 400


def test_a_bias_on_a_token_that_is_not_there_is_refused(model: Any) -> None:
    assert _known(model, {(7,): 1}) == {(7,): 1.0}
    assert _known(model, None) is None
    with pytest.raises(HTTPException, match="no token 99999"):
        _known(model, {(7,): 1, (99_999,): 1})


def test_a_model_stops_for_a_client_that_has_left(model: Any) -> None:
    import torch

    given: dict[str, Any] = {
        "input_ids": torch.ones(1, 4, dtype=torch.long),
        "min_new_tokens": 50,
        "max_new_tokens": 50,
        "pad_token_id": 0,
    }
    gone = threading.Event()
    assert AskedModel(model, None, gone).generate(**given).shape[1] == 54
    gone.set()
    assert AskedModel(model, None, gone).generate(**given).shape[1] == 5


def test_a_client_that_hangs_up_is_noticed_while_the_application_works() -> None:
    arrived = iter([{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}])
    noticed: list[bool] = []

    async def receive() -> dict[str, Any]:
        return next(arrived)

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        gone = left.get()
        assert gone is not None
        await receive()
        assert not gone.is_set()
        for _ in range(3):
            await asyncio.sleep(0)
        noticed.append(gone.is_set())

    async def send(_message: Any) -> None:
        raise AssertionError

    asyncio.run(ClientWatch(app)({"type": "http"}, receive, send))
    assert noticed == [True]
