"""Request answers from an OpenAI-compatible endpoint, whole or streamed."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen

from ftctl.domain.example import Message
from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed
from ftctl_adapters.serving.network_words import network_words
from ftctl_adapters.serving.retry import opener_for

BROKEN = (OSError, ValueError, http.client.HTTPException)
"""What a connection or its content raises when it is not what it should be."""

ID = "token_id:"
"""How vLLM writes a token by its id."""


@frozen
class Reply:
    """The text of the first choice, and how many tokens the prompt had by the server's count.

    ``top`` holds log-probabilities by token id for each generated token, from servers that were asked and tell them.
    """

    text: str
    prompt_tokens: int | None
    top: tuple[dict[int, float], ...] = ()


@frozen
class Piece:
    """Some text of a streamed answer; token counts come with the last one, from servers that tell them."""

    text: str
    prompt_tokens: int | None = None
    tokens: int | None = None


def chat(endpoint: Endpoint, messages: Sequence[Message], max_tokens: int, timeout: float, **more: Any) -> Reply:
    """Return a greedy answer; ``more`` are further fields of the request.

    Raises:
        BackendFailed: no answer in time, an error status, or a reply that is not OpenAI's.
    """
    body = _body(endpoint, messages, max_tokens) | {"temperature": 0} | more
    reply = post(f"{endpoint.url}/chat/completions", body, timeout)
    try:
        choice = reply["choices"][0]
        return _reply(choice["message"]["content"], choice, reply)
    except (LookupError, TypeError, AttributeError) as error:
        raise _strange(endpoint.url, error) from error


def complete(endpoint: Endpoint, prompt: str, max_tokens: int, timeout: float) -> Reply:
    """Complete a text greedily, without a chat template.

    Raises:
        BackendFailed: as for `chat`.
    """
    body = {"model": endpoint.model, "prompt": prompt, "max_tokens": max_tokens, "temperature": 0}
    reply = post(f"{endpoint.url}/completions", body, timeout)
    try:
        return _reply(reply["choices"][0]["text"], {}, reply)
    except (LookupError, TypeError, AttributeError) as error:
        raise _strange(endpoint.url, error) from error


def stream(
    endpoint: Endpoint,
    messages: Sequence[Message],
    max_tokens: int,
    timeout: float,
    *,
    key: str | None = None,
    **more: Any,
) -> Iterator[Piece]:
    """Stream an answer; ``key`` goes into the header, ``more`` are further fields of the request.

    Raises:
        BackendFailed: as for `chat`; ``timeout`` is for the wait between two pieces, in seconds.
    """
    body = _body(endpoint, messages, max_tokens) | {"stream": True, "stream_options": {"include_usage": True}} | more
    ended = False
    try:
        with _open(f"{endpoint.url}/chat/completions", body, timeout, key) as response:
            for line in response:
                if line.startswith(b"data: {"):
                    event = json.loads(line[6:])
                    ended = ended or _ends(event)
                    yield _piece(event)
        if not ended:
            raise ValueError("the stream was cut off before its end")
    except (*BROKEN, LookupError, TypeError, AttributeError) as error:
        raise _strange(endpoint.url, error) from error


def models(url: str, timeout: float = 30.0) -> list[str]:
    """Return the names of the models at a base URL that ends in ``/v1``.

    Raises:
        BackendFailed: it does not tell.
    """
    try:
        with _open(f"{url}/models", None, timeout) as response:
            return [str(model["id"]) for model in json.load(response)["data"]]
    except (*BROKEN, KeyError, TypeError) as error:
        raise _strange(url, error) from error


def post(url: str, body: dict[str, Any], timeout: float) -> Any:
    """Post a request and return the JSON of its answer.

    Raises:
        BackendFailed: no answer in time, an error status, or no JSON.
    """
    try:
        with _open(url, body, timeout) as response:
            return json.load(response)
    except BROKEN as error:
        raise _strange(url, error) from error


def _reply(text: Any, choice: dict[str, Any], reply: dict[str, Any]) -> Reply:
    content = (choice.get("logprobs") or {}).get("content") or ()
    return Reply(str(text or ""), (reply.get("usage") or {}).get("prompt_tokens"), tuple(map(_by_id, content)))


def _by_id(step: dict[str, Any]) -> dict[int, float]:
    """Return candidates by token id, as vLLM returns on request."""
    named = [(str(one["token"]), float(one["logprob"])) for one in step.get("top_logprobs") or ()]
    return {int(name.removeprefix(ID)): value for name, value in named if name.startswith(ID)}


def _body(endpoint: Endpoint, messages: Sequence[Message], max_tokens: int) -> dict[str, Any]:
    turns = [message.to_openai() for message in messages]
    return {"model": endpoint.model, "messages": turns, "max_tokens": max_tokens}


def _open(url: str, body: dict[str, Any] | None, timeout: float, key: str | None = None) -> Any:
    content = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(url, content, headers)
    try:
        return opener_for(url).open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        # what it says may quote the request, and with it the key
        said = "" if key else f": {error.read(500).decode(errors='replace')}"
        raise BackendFailed(f"{url} answered {error.code}{said}", next_step="see the server's log") from error


def _ends(event: dict[str, Any]) -> bool:
    return any(choice.get("finish_reason") for choice in event.get("choices") or ())


def _piece(event: dict[str, Any]) -> Piece:
    if "error" in event:
        raise ValueError(str(event["error"]))
    used = event.get("usage") or {}
    choices = event.get("choices") or [{}]
    text = (choices[0].get("delta") or {}).get("content")
    return Piece(str(text or ""), used.get("prompt_tokens"), used.get("completion_tokens"))


def _strange(url: str, error: Exception) -> BackendFailed:
    text = f"{url} did not answer as an OpenAI endpoint does: {network_words(error)}"
    return BackendFailed(text, next_step="see the server's log")
