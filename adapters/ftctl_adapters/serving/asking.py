"""Many questions to an OpenAI-compatible endpoint: tried again, remembered, and within a budget."""

import hashlib
import http.client
import json
import os
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, frozen

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
        """What the stage has used, by the server's count, before a crash too."""
        return sum(int(line) for path in self.usage.iterdir() for line in path.read_text().split())

    def ask(self, messages: Sequence[dict[str, str]], **more: Any) -> str:
        """The text of the answer.

        Raises:
            NoAnswer: the server says nothing, or refuses this question with a status that will not change.
            BudgetSpent: before it is asked.
            BackendFailed: the server does not answer, or says that nobody may ask.
        """
        body = {"model": self.service.model, "messages": list(messages), "max_tokens": self.service.max_tokens,
                "temperature": self.service.temperature, **more}  # fmt: skip
        kept = self.folder / f"{hashlib.sha256(canonical(body)).hexdigest()}.json"
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
        half = kept.with_suffix(f".{os.getpid()}.half")
        with half.open("w", encoding="utf-8") as file:
            json.dump({"text": text, "tokens": tokens}, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        half.replace(kept)
        return _said(text)

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
                    if error.code in (401, 403, 404) or error.code < 400:
                        raise self._failed(last) from None
                    if error.code not in AGAIN:
                        raise NoAnswer(last) from None
                    wait = _asked_for(error.headers.get("Retry-After"), wait)
            except http.client.InvalidURL:
                raise self._failed("no address that can be asked") from None
            except (OSError, ValueError, LookupError, TypeError, http.client.HTTPException) as error:
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
    return (text if isinstance(text, str) else ""), int((reply.get("usage") or {}).get("total_tokens") or 0)


def _kept(path: Path) -> str | None:
    """What was answered before; nothing where that was not written to its end."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["text"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _said(text: str) -> str:
    if not text.strip():
        raise NoAnswer("an empty answer")
    return text


def _asked_for(header: str | None, otherwise: float) -> float:
    try:
        return min(max(float(header or ""), 0.0), LONGEST_WAIT)
    except ValueError:
        return otherwise
