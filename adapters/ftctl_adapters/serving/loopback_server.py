"""OpenAI-compatible server on loopback over a target, for programs that only speak HTTP."""

import contextlib
import hmac
import json
import queue
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from attrs import define, field, frozen

from ftctl.domain.example import ROLES, Message, Prompt
from ftctl.errors import Unanswered
from ftctl.ports import Answer, Target

BATCH = 32
WAIT_SECONDS = 0.05
GONE = 32
"""Questions in a row whose model does not answer any more."""
TOGETHER_SECONDS = 0.005
"""How long a question waits for others that could be answered with it."""
POLL_SECONDS = 0.05
"""Longest time that ending the server takes."""
LONGEST_BODY = 16 << 20
HOTTEST = 2.0
DEVELOPER = "developer"
"""What the role `system` is called since."""
CHAT = "/v1/chat/completions"


@frozen
class Request:
    """A question with its decoding settings, greedy at temperature 0; the answer is cut before each ``stop``."""

    prompt: Prompt
    max_tokens: int
    temperature: float = 0.0
    stop: tuple[str, ...] = ()


@define(eq=False)
class _Waiting:
    request: Request
    draw: int
    ready: threading.Event = field(factory=threading.Event)
    answer: Answer | None = None


class Refused(Exception):
    """Raised for a request that cannot be answered."""


@define
class Loopback:
    """A target behind ``url``; requests need the ``key``.

    Requests are taken by threads and answered in that of `answer`, several at once. The n-th time that a question is
    asked at a temperature it is given the n-th draw, so that the same program is told the same again.
    """

    target: Target
    name: str
    max_tokens: int
    key: str = field(factory=lambda: secrets.token_urlsafe(24))
    url: str = ""
    asked: int = 0
    unanswered: list[str] = field(factory=list)
    turned_down: list[str] = field(factory=list)
    """Why requests were none that can be answered."""
    _queue: "queue.Queue[_Waiting]" = field(factory=queue.Queue)
    _times: Counter[Request] = field(factory=Counter)
    _numbering: threading.Lock = field(factory=threading.Lock)
    _gone: bool = False
    _refused: int = 0
    """How many in a row were not answered."""
    _counted: bool = False

    @contextmanager
    def open(self) -> Iterator[Self]:
        """Listen on a free port of the loopback."""
        server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"loopback": self}))
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        try:
            yield self
        finally:
            self._gone = True
            server.shutdown()
            server.server_close()

    def answer(self, over: Callable[[], bool]) -> None:
        """Answer requests until ``over`` returns True; it is called between batches and while nobody asks.

        Raises:
            Unanswered: more stays unanswered than may, or so many in a row that the model must be gone.
        """
        while not over():
            batch = self._batch()
            for asked in _alike(batch):
                for waiting, answer in zip(asked, self._answered(asked), strict=True):
                    waiting.answer = answer
                    waiting.ready.set()
                    self.asked += 1
                    self.unanswered += [answer.error] if answer.error else []

    def ask(self, request: Request) -> Answer | None:
        """Ask from any thread; return the answer, or ``None`` once the server has ended."""
        with self._numbering:
            times = self._times[request]
            self._times[request] += 1
        waiting = _Waiting(request, times)
        self._queue.put(waiting)
        while not waiting.ready.wait(WAIT_SECONDS):
            if self._gone:
                return None
        return waiting.answer

    def refuse_too_many(self) -> None:
        """Raise `Unanswered` if too many requests stayed unanswered."""
        if self._counted and len(self.unanswered) > self.target.max_error_rate * self.asked:
            text = f"{len(self.unanswered)} of {self.asked} questions were not answered"
            said = "; ".join(sorted(set(self.unanswered))[:3])
            text += f" ({said}), more than max_error_rate {self.target.max_error_rate} allows"
            raise Unanswered(text, next_step="the same command asks again for those alone")

    def _batch(self) -> list[_Waiting]:
        found: list[_Waiting] = []
        wait = WAIT_SECONDS
        while len(found) < BATCH:
            try:
                found.append(self._queue.get(timeout=wait))
            except queue.Empty:
                return found
            wait = TOGETHER_SECONDS
        return found

    def _answered(self, asked: Sequence[_Waiting]) -> list[Answer]:
        try:
            answers = self._told(asked)
        except Unanswered as error:
            # how much may stay unanswered is for the whole to say, and not for a batch
            self._counted = True
            if len(asked) > 1:
                return [answer for one in asked for answer in self._answered([one])]
            self._refused += 1
            if not self.target.max_error_rate or self._refused == GONE:
                raise
            return [Answer("", (), "", error.details[0] if error.details else error.what)]
        self._refused = 0
        return [_cut(answer, one.request.stop) for answer, one in zip(answers, asked, strict=True)]

    def _told(self, asked: Sequence[_Waiting]) -> list[Answer]:
        one, prompts = asked[0], [waiting.request.prompt for waiting in asked]
        tokens = min(one.request.max_tokens, self.max_tokens)
        if one.request.temperature == 0:
            return self.target.generate(prompts, tokens)
        return self.target.sample(prompts, tokens, one.request.temperature, one.draw)


def _alike(batch: Sequence[_Waiting]) -> list[list[_Waiting]]:
    """Group requests that can share one batch."""
    found: dict[tuple[int, float, int], list[_Waiting]] = {}
    for one in batch:
        drawn = one.draw if one.request.temperature else 0
        found.setdefault((one.request.max_tokens, one.request.temperature, drawn), []).append(one)
    return list(found.values())


def _cut(answer: Answer, stop: Sequence[str]) -> Answer:
    places = [place for place in map(answer.text.find, stop) if place >= 0]
    return Answer(answer.text[: min(places)], (), "stop", answer.error) if places else answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    loopback: Loopback
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Log nothing, since requests may hold anything and the evaluation records them."""

    def do_GET(self) -> None:
        models = [{"id": self.loopback.name, "object": "model", "owned_by": "ftctl"}]
        if self.path == "/v1/models":
            self.say(HTTPStatus.OK, {"object": "list", "data": models})
        else:
            self.fail(HTTPStatus.NOT_FOUND, f"{self.path} is not offered here")

    def do_POST(self) -> None:
        told, length = self.headers.get("Authorization", ""), self.headers.get("Content-Length", "")
        if not hmac.compare_digest(told.encode("utf-8", "replace"), f"Bearer {self.loopback.key}".encode()):
            self.close_connection = True
            self.fail(HTTPStatus.UNAUTHORIZED, "wrong key")
            return
        if not length.isdecimal() or not 0 < int(length) <= LONGEST_BODY:
            self.close_connection = True
            self.fail(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is empty or too long, or nobody says how long")
            return
        body = self.rfile.read(int(length))
        if self.path != CHAT:
            self.fail(HTTPStatus.NOT_FOUND, f"{self.path} is not offered here, only {CHAT}")
        else:
            self.answer(body)

    def answer(self, body: bytes) -> None:
        try:
            answer = self.loopback.ask(read_request(body, self.loopback.max_tokens))
        except Refused as error:
            self.loopback.turned_down.append(str(error))
            self.fail(HTTPStatus.BAD_REQUEST, str(error))
            return
        if answer is None:
            self.fail(HTTPStatus.SERVICE_UNAVAILABLE, "nobody answers here any more")
        elif answer.error:
            self.fail(HTTPStatus.BAD_REQUEST, answer.error)
        else:
            self.say(HTTPStatus.OK, _reply(self.loopback, answer))

    def fail(self, code: HTTPStatus, text: str) -> None:
        self.say(code, {"error": {"message": text, "type": "invalid_request_error", "code": int(code)}})

    def say(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        told = json.dumps(document).encode()
        # whoever asked may have ended since
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)


def read_request(body: bytes, max_tokens: int) -> Request:
    """Parse a body of `/v1/chat/completions`; penalties, `top_p`, `seed` and others are ignored.

    Raises:
        Refused: it is none, or asks for what is not offered here.
    """
    try:
        asked = json.loads(body)
        turns = tuple(Message(_role(turn["role"]), _text(turn["content"])) for turn in asked["messages"])
        stop = asked.get("stop") or []
        found = Request(
            Prompt(turns),
            int(asked.get("max_completion_tokens") or asked.get("max_tokens") or max_tokens),
            float(asked.get("temperature") or 0.0),
            tuple(filter(None, (stop,) if isinstance(stop, str) else map(str, stop))),
        )
        if found.max_tokens < 1 or not 0 <= found.temperature <= HOTTEST:
            raise ValueError("max_tokens is less than 1, or temperature not within 0 and 2")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Refused(f"no request as OpenAI's: {error}") from None
    if not turns:
        raise Refused("messages is empty")
    for name, wanted in {
        "stream": asked.get("stream"),
        "tools": asked.get("tools"),
        "n": asked.get("n", 1) != 1,
    }.items():
        if wanted:
            raise Refused(f"{name} is not offered here")
    return found


def _role(told: Any) -> Any:
    role = "system" if told == DEVELOPER else told
    if role not in ROLES:
        raise ValueError(f"the role {told!r} is unknown")
    return role


def _text(told: Any) -> str:
    if isinstance(told, list):
        return "".join(str(part["text"]) for part in told)
    if told is None:
        return ""
    if not isinstance(told, str):
        raise TypeError("content is no text")
    return told


def _reply(loopback: Loopback, answer: Answer) -> dict[str, Any]:
    count = max(len(answer.token_ids), 1)
    return {
        "id": f"chatcmpl-{loopback.asked}",
        "object": "chat.completion",
        "created": 0,
        "model": loopback.name,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": answer.text},
            "finish_reason": answer.finish_reason or "stop",
        }],
        "usage": {"prompt_tokens": 0, "completion_tokens": count, "total_tokens": count},
    }  # fmt: skip
