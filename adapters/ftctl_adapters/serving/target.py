"""Evaluate a server as a target."""

import http.client
import json
import urllib.error
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from attrs import frozen

from ftctl.domain.example import Example, Prompt
from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed
from ftctl.ports import Answer, EndpointAccess, Score, Target
from ftctl_adapters.modeling.labels import encode_example
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.serving.network_words import network_words
from ftctl_adapters.serving.retry import NoAnswer, Unusable, get, insist, post

SENTENCE = "The river runs past seven old mills."
"""What a server is asked to score before anything that counts."""


FAULTS = (OSError, ValueError, LookupError, TypeError, http.client.HTTPException)
"""What a connection raises, and what a reply that is not OpenAI's leads to."""


@frozen
class Link:
    """Connection settings: concurrent requests, seconds for each, a secret key, tolerated error rate."""

    concurrency: int = 8
    timeout: float = 120.0
    key: str | None = None
    max_error_rate: float = 0.0


class EndpointTarget(Target):
    """Target that answers by ``/chat/completions``, greedily, and scores by ``/completions`` with ``echo`` and
    ``logprobs``.

    A score is of token ids, which need the tokenizer and the chat template that the server has. An answer that has
    begun is asked for by ``/completions`` too, in the same ids.
    """

    def __init__(self, endpoint: Endpoint, link: Link, tokenizer: ChatTokenizer | None = None) -> None:
        self._endpoint, self._link, self._tokenizer = endpoint, link, tokenizer
        self.max_error_rate = link.max_error_rate
        self.name = endpoint.model

    @cached_property
    def max_model_len(self) -> int | None:
        """Return ``max_model_len`` of ``/models``, which vLLM and the server ``onnx`` tell; else ``None``."""
        try:
            listed = get(f"{self._endpoint.url}/models", self._link.timeout, self._link.key)["data"]
            told = next(one for one in listed if one["id"] == self._endpoint.model).get("max_model_len")
        except (*FAULTS, StopIteration, AttributeError):
            return None
        return told if isinstance(told, int) and told > 1 else None

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        with ThreadPoolExecutor(self._link.concurrency) as threads:
            return list(threads.map(lambda prompt: self._answer(prompt, max_new_tokens, temperature=0), prompts))

    def sample(self, prompts: Sequence[Prompt], max_new_tokens: int, temperature: float, seed: int) -> list[Answer]:
        drawing = {"temperature": temperature, "seed": seed}
        with ThreadPoolExecutor(self._link.concurrency) as threads:
            return list(threads.map(lambda prompt: self._answer(prompt, max_new_tokens, **drawing), prompts))

    def score(self, examples: Sequence[Example]) -> list[Score]:
        with ThreadPoolExecutor(self._link.concurrency) as threads:
            return list(threads.map(self._score, examples))

    def reached(self) -> EndpointAccess:
        return EndpointAccess(self._endpoint, self._link.key)

    def refusals(self, *, scores: bool) -> tuple[str, ...]:
        """Return reasons why it cannot be asked, or scored; empty if it can."""
        try:
            self._post("chat/completions", {"messages": [{"role": "user", "content": SENTENCE}], "max_tokens": 1})
        except urllib.error.HTTPError as error:
            return (f"its /chat/completions refuses the model {self._endpoint.model!r}: {_said(error)}",)
        except FAULTS as error:
            return (f"it does not answer: {_kind(error)}",)
        return self._unscorable() if scores else ()

    def _unscorable(self) -> tuple[str, ...]:
        if self._tokenizer is None:
            return ("scores need the model's own tokenizer: give its folder, endpoint.tokenizer",)
        ids = self._tokenizer.encode(SENTENCE)
        try:
            choice = self._completed(ids)
        except urllib.error.HTTPError as error:
            return (f"its /completions refuses `echo` with `logprobs` of token ids: {_said(error)}",)
        except FAULTS as error:
            return (f"its /completions does not answer: {_kind(error)}",)
        told = (choice.get("logprobs") or {}).get("token_logprobs")
        if not isinstance(told, list):
            return ("its /completions ignores the field `logprobs`",)
        if not str(choice.get("text", "")).strip().startswith(SENTENCE[:10]) and len(told) < len(ids):
            return ("its /completions ignores the field `echo`",)
        if not str(choice.get("text", "")).strip().startswith(SENTENCE):
            return ("its tokenizer is not the one of `tokenizer`: the same ids are another text there",)
        return ()

    def _answer(self, prompt: Prompt, max_new_tokens: int, **drawing: float) -> Answer:
        path, body = self._request(prompt)
        body |= {"max_tokens": max_new_tokens, **drawing}
        try:
            choice = insist(lambda: self._post(path, body)["choices"][0])
            said = choice["text"] if prompt.begun else _said_with_calls(choice["message"])
            return Answer(str(said or ""), (), str(choice.get("finish_reason") or "stop"))
        except NoAnswer as error:
            return Answer("", (), "", str(error))
        except (LookupError, TypeError, AttributeError):
            return Answer("", (), "", "no reply as OpenAI's")
        except Unusable as error:
            raise self._failed(str(error)) from None

    def _request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        if prompt.begun:
            if self._tokenizer is None:
                raise self._failed("going on with an answer needs the model's own tokenizer: endpoint.tokenizer")
            return "completions", {"prompt": self._tokenizer.asked(prompt)}
        turns = [turn.to_openai() for turn in prompt.messages]
        body: dict[str, Any] = {"messages": turns}
        if prompt.tools:
            body |= {"tools": list(prompt.tools), "tool_choice": "none"}
        return "chat/completions", body

    def _score(self, example: Example) -> Score:
        assert self._tokenizer is not None
        row = encode_example(self._tokenizer, example, "last_answer")
        try:
            told = insist(lambda: self._completed(row.ids)["logprobs"]["token_logprobs"][: len(row.ids)])
            total = sum(float(one) for one, label in zip(told[1:], row.labels[1:], strict=True) if label >= 0)
        except NoAnswer as error:
            return Score.missing(str(error))
        except Unusable as error:
            raise self._failed(str(error)) from None
        except (ValueError, TypeError):
            return Score.missing("a token without a log-probability")
        return Score(total, row.trained, len(example.answer))

    def _completed(self, ids: Sequence[int]) -> dict[str, Any]:
        body = {"prompt": list(ids), "max_tokens": 1, "temperature": 0, "echo": True, "logprobs": 1}
        return dict(self._post("completions", body)["choices"][0])

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        link, named = self._link, {"model": self._endpoint.model}
        return post(f"{self._endpoint.url}/{path}", named | body, link.timeout, link.key)

    def _failed(self, said: str) -> BackendFailed:
        text = f"{self._endpoint.url}, model {self._endpoint.model!r}: {said}"
        return BackendFailed(text, next_step="check its address, its key, the model's name and its log")


def _said(error: urllib.error.HTTPError) -> str:
    with error:
        return f"status {error.code}: {error.read(200).decode(errors='replace')}"


def _kind(error: Exception) -> str:
    """Return why a connection failed; of other errors the type, for their text may quote request and key."""
    told = network_words(error)
    return type(error).__name__ if told.startswith(type(error).__name__) else told


def _said_with_calls(message: dict[str, Any]) -> str:
    """Return a message's text, and calls that the server has read out of it as JSON lines."""
    calls = [json.dumps(call.get("function", call), ensure_ascii=False) for call in message.get("tool_calls") or ()]
    return "\n".join(part for part in (str(message.get("content") or ""), *calls) if part)
