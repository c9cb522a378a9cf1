"""A chat request to an OpenAI-compatible endpoint."""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence

from attrs import frozen

from ftctl.domain.example import Message
from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed


@frozen
class Reply:
    """The text of the first choice, and how many tokens the prompt had by the server's count."""

    text: str
    prompt_tokens: int | None


def chat(endpoint: Endpoint, messages: Sequence[Message], max_tokens: int, timeout: float) -> Reply:
    """A greedy answer.

    Raises:
        BackendFailed: no answer in time, an error status, or a reply that is not OpenAI's.
    """
    body = {
        "model": endpoint.model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "max_tokens": max_tokens,
        "temperature": 0,
    }
    request = urllib.request.Request(
        f"{endpoint.url}/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as response:
            reply = json.load(response)
        text = reply["choices"][0]["message"]["content"]
        return Reply(str(text or ""), (reply.get("usage") or {}).get("prompt_tokens"))
    except urllib.error.HTTPError as error:
        said = error.read(500).decode(errors="replace")
        raise BackendFailed(f"{endpoint.url} answered {error.code}: {said}", next_step="see server.log") from error
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        text = f"{endpoint.url} did not answer as an OpenAI endpoint does: {type(error).__name__}: {error}"
        raise BackendFailed(text, next_step="see server.log") from error
