"""Ask an OpenAI-compatible endpoint many questions: with retries, stored answers, and a budget."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, frozen

from ftctl.domain.codec import canonical
from ftctl.errors import BackendFailed, BudgetSpent, DataError
from ftctl.whole_file import write_whole
from ftctl_adapters.serving.retry import GivenUp, NoAnswer, Unusable, insist, post


@frozen
class Service:
    """Endpoint of the model service.

    ``url_env`` and ``key_env`` name environment variables; their values are never stored.
    """

    url_env: str
    model: str
    key_env: str | None
    max_tokens: int
    temperature: float
    timeout: float
    budget_tokens: int | None


@define
class Asker:
    """Client that stores answers by question in a folder: nothing is asked twice, in this run or the next.

    ``usage`` is the folder in which the processes of one stage write down what they used; ``asked`` counts requests
    that this one sent.
    """

    service: Service
    folder: Path
    usage: Path
    stop: Callable[[], None]
    sleep: Callable[[float], None] = time.sleep
    asked: int = 0

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.usage.mkdir(parents=True, exist_ok=True)

    @property
    def tokens(self) -> int:
        """Tokens used by the stage so far by the server's count, also before a crash."""
        return sum(int(line) for path in self.usage.iterdir() for line in path.read_text().split())

    def ask(self, messages: Sequence[dict[str, str]], **more: Any) -> str:
        """Return the text of the answer.

        Raises:
            NoAnswer: the server says nothing, or refuses this question with a status that will not change.
            BudgetSpent: before it is asked.
            BackendFailed: the server does not answer, or says that nobody may ask.
        """
        body = {"model": self.service.model, "messages": list(messages), "max_tokens": self.service.max_tokens,
                "temperature": self.service.temperature, **more}  # fmt: skip
        asked = canonical([os.environ.get(self.service.url_env, ""), body])
        kept = self.folder / f"{hashlib.sha256(asked).hexdigest()}.json"
        known = _kept(kept)
        if known is not None:
            return _said(known)
        budget = self.service.budget_tokens
        if budget is not None and self.tokens >= budget:
            text = f"the budget of {budget:,} tokens is spent ({self.tokens:,} used)"
            raise BudgetSpent(text, next_step="raise budget_tokens and run again; what was answered is kept")
        text, tokens = self._sent(body)
        with (self.usage / f"{os.getpid()}").open("a") as file:
            file.write(f"{tokens}\n")
        write_whole(kept, json.dumps({"text": text, "tokens": tokens}, ensure_ascii=False))
        return _said(text)

    def _sent(self, body: dict[str, Any]) -> tuple[str, int]:
        try:
            return insist(lambda: self._once(body), self.stop, self.sleep)
        except (GivenUp, Unusable) as error:
            raise self._failed(str(error)) from None

    def _once(self, body: dict[str, Any]) -> tuple[str, int]:
        self.asked += 1
        return _told(_post(self.service, body))

    def _failed(self, said: str) -> BackendFailed:
        text = f"the endpoint that {self.service.url_env} names: {said}"
        return BackendFailed(text, next_step="check its address, its key and its log; what was answered is kept")


def _post(service: Service, body: dict[str, Any]) -> Any:
    url = os.environ.get(service.url_env, "")
    if not url.startswith(("http://", "https://")):
        step = "it holds an address like http://127.0.0.1:8000/v1"
        raise DataError(f"the environment variable {service.url_env} is not set", next_step=step)
    key = os.environ.get(service.key_env, "") if service.key_env else None
    return post(f"{url.rstrip('/')}/chat/completions", body, service.timeout, key)


def _told(reply: Any) -> tuple[str, int]:
    text = reply["choices"][0]["message"]["content"]
    return (text if isinstance(text, str) else ""), int((reply.get("usage") or {}).get("total_tokens") or 0)


def _kept(path: Path) -> str | None:
    """Return the stored answer; ``None`` if it was not written to its end."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["text"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _said(text: str) -> str:
    if not text.strip():
        raise NoAnswer("an empty answer")
    return text
