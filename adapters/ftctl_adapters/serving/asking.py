"""Many questions to an OpenAI-compatible endpoint: tried again, remembered, and within a budget."""

import hashlib
import json
import os
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from ftctl.domain.codec import canonical
from ftctl.errors import BackendFailed, BudgetSpent, DataError

TRIES = 5
LONGEST_WAIT = 60.0
"""Seconds between two tries, whatever a server asks for."""

AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})
REPLY_BYTES = 8 << 20


@frozen
class Service:
    """Who is asked. ``url_env`` and ``key_env`` name variables; what they hold is never written anywhere."""

    url_env: str
    model: str
    key_env: str | None
    max_tokens: int
    temperature: float
    timeout: float
    budget_tokens: int | None


class NoAnswer(Exception):
    """One question was not answered: refused, or no text came."""


@define
class Asker:
    """Answers are kept in a folder by what was asked: nothing is asked twice, in this run or the next.

    ``asked`` counts requests that were sent, ``tokens`` what the server says of them.
    """

    service: Service
    folder: Path
    stop: Callable[[], None]
    sleep: Callable[[float], None] = time.sleep
    asked: int = 0
    tokens: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tokens = sum(json.loads(path.read_text())["tokens"] for path in self.folder.glob("*.json"))

    def ask(self, messages: Sequence[dict[str, str]], **more: Any) -> str:
        """The text of the answer.

        Raises:
            NoAnswer: the server refuses this question (a status of 400 and above that will not change).
            BudgetSpent: before it is asked.
            BackendFailed: the server does not answer, or says that nobody may ask.
        """
        body = {"model": self.service.model, "messages": list(messages), "max_tokens": self.service.max_tokens,
                "temperature": self.service.temperature, **more}  # fmt: skip
        kept = self.folder / f"{hashlib.sha256(canonical(body)).hexdigest()}.json"
        if kept.exists():
            return str(json.loads(kept.read_text(encoding="utf-8"))["text"])
        budget = self.service.budget_tokens
        if budget is not None and self.tokens >= budget:
            text = f"the budget of {budget:,} tokens is spent ({self.tokens:,} used)"
            raise BudgetSpent(text, next_step="raise budget_tokens and run again; what was answered is kept")
        text, tokens = self._sent(body)
        half = kept.with_suffix(f".{os.getpid()}.half")
        half.write_text(json.dumps({"text": text, "tokens": tokens}, ensure_ascii=False), encoding="utf-8")
        half.replace(kept)
        self.tokens += tokens
        return text

    def _sent(self, body: dict[str, Any]) -> tuple[str, int]:
        draw, last = random.Random(0), ""  # noqa: S311 - jitter
        for attempt in range(TRIES):
            self.stop()
            wait = min(2.0**attempt * (0.5 + draw.random()), LONGEST_WAIT)
            try:
                self.asked += 1
                return _told(_post(self.service, body))
            except urllib.error.HTTPError as error:
                with error:
                    last = f"status {error.code}"
                    if error.code in (401, 403, 404):
                        raise self._failed(last) from None
                    if error.code not in AGAIN:
                        raise NoAnswer(last) from None
                    wait = _asked_for(error.headers.get("Retry-After"), wait)
            except (OSError, ValueError, LookupError, TypeError) as error:
                last = f"{type(error).__name__}"
            if attempt < TRIES - 1:
                self.sleep(wait)
        raise self._failed(f"{last}, {TRIES} times")

    def _failed(self, said: str) -> BackendFailed:
        text = f"the endpoint that {self.service.url_env} names: {said}"
        return BackendFailed(text, next_step="check its address, its key and its log; what was answered is kept")


def _post(service: Service, body: dict[str, Any]) -> Any:
    url = os.environ.get(service.url_env, "")
    if not url.startswith(("http://", "https://")):
        step = "it holds an address like http://127.0.0.1:8000/v1"
        raise DataError(f"the environment variable {service.url_env} is not set", next_step=step)
    headers = {"Content-Type": "application/json"}
    if service.key_env:
        headers["Authorization"] = f"Bearer {os.environ.get(service.key_env, '')}"
    request = urllib.request.Request(f"{url.rstrip('/')}/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=service.timeout) as response:
        return json.loads(response.read(REPLY_BYTES))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Rows and keys go where they were sent, and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _told(reply: Any) -> tuple[str, int]:
    text = reply["choices"][0]["message"]["content"]
    if not isinstance(text, str) or not text.strip():
        raise NoAnswer("an empty answer")
    return text, int((reply.get("usage") or {}).get("total_tokens") or 0)


def _asked_for(header: str | None, otherwise: float) -> float:
    try:
        return min(max(float(header or ""), 0.0), LONGEST_WAIT)
    except ValueError:
        return otherwise
