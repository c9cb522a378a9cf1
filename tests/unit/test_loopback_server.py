"""A target behind an address of this machine: what programs that ask over HTTP are told."""

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from attrs import define, field

from ftctl.domain.example import Message, Prompt
from ftctl.errors import Unanswered
from ftctl.ports import Answer, Score, Target
from ftctl_adapters.serving.loopback_server import GONE, Loopback

FEW = 4


@define
class Scripted(Target):
    """Says a question backwards, after the number of its draw; refuses what begins with ``lost``."""

    calls: list[int] = field(factory=list)
    max_error_rate: float = 0.0

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        self.calls.append(len(prompts))
        if any(prompt.question.startswith("lost") for prompt in prompts):
            raise Unanswered("the prompt is too long")
        return [Answer(prompt.question[::-1][:max_new_tokens], (1, 2), "stop") for prompt in prompts]

    def sample(self, prompts: Sequence[Prompt], max_new_tokens: int, temperature: float, seed: int) -> list[Answer]:
        return [Answer(f"{seed} {prompt.question} at {temperature}", (1,), "stop") for prompt in prompts]

    def score(self, examples: Sequence[Any]) -> list[Score]:
        raise NotImplementedError


@define
class Open:
    loopback: Loopback

    def ask(self, text: str, key: str | None = None, path: str = "/chat/completions", **more: Any) -> dict[str, Any]:
        body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
        headers = {"Authorization": f"Bearer {self.loopback.key if key is None else key}"}
        request = urllib.request.Request(self.loopback.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=20) as reply:
            return dict(json.load(reply))

    def text(self, text: str, **more: Any) -> str:
        return str(self.ask(text, **more)["choices"][0]["message"]["content"])

    def refused(self, text: str, **more: Any) -> tuple[int, str]:
        with pytest.raises(urllib.error.HTTPError) as caught:
            self.ask(text, **more)
        return caught.value.code, str(json.load(caught.value)["error"]["message"])


@pytest.fixture
def opened() -> Iterator[Callable[..., Open]]:
    over = threading.Event()
    threads: list[threading.Thread] = []
    doors = []

    def start(target: Target) -> Open:
        door = Loopback(target, "m", 64).open()
        loopback = door.__enter__()
        doors.append(door)
        threads.append(threading.Thread(target=loopback.answer, args=(over.is_set,)))
        threads[-1].start()
        return Open(loopback)

    yield start
    over.set()
    for thread in threads:
        thread.join()
    for door in doors:
        door.__exit__(None, None, None)


def test_it_answers_as_openai_does(opened: Callable[..., Open]) -> None:
    door = opened(Scripted())
    told = door.ask("abc")
    assert told["choices"][0]["message"] == {"role": "assistant", "content": "cba"}
    assert (told["object"], told["choices"][0]["finish_reason"]) == ("chat.completion", "stop")
    assert told["usage"]["completion_tokens"] == len((1, 2))
    assert door.text("abc", max_tokens=1) == "c"
    assert door.text("abc", max_completion_tokens=2) == "cb"
    assert door.text("abc", messages=[{"role": "user", "content": [{"type": "text", "text": "xy"}]}]) == "yx"


def test_an_answer_ends_before_what_it_is_to_stop_at(opened: Callable[..., Open]) -> None:
    door = opened(Scripted())
    assert door.text("a-b-c", stop=["-a", "-b"]) == "c"
    assert door.text("a-b-c", stop="z") == "c-b-a"


def test_nobody_asks_without_the_key(opened: Callable[..., Open]) -> None:
    target = Scripted()
    door = opened(target)
    assert door.refused("abc", key="guess") == (401, "wrong key")
    assert not target.calls


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"stream": True}, "stream is not offered here"),
        ({"n": 2}, "n is not offered here"),
        ({"tools": [{}]}, "tools is not offered here"),
        ({"messages": []}, "messages is empty"),
        ({"messages": "abc"}, "no request as OpenAI's"),
        ({"max_tokens": -5}, "max_tokens is less than 1"),
        ({"temperature": 3}, "temperature not within 0 and 2"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "the role 'robot' is unknown"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "no request as OpenAI's"),
    ],
)
def test_what_is_not_offered_is_said_by_its_name(opened: Callable[..., Open], more: dict[str, Any], said: str) -> None:
    door = opened(Scripted())
    code, text = door.refused("abc", **more)
    assert code == 400
    assert said in text
    assert door.loopback.turned_down == [text]


def test_other_paths_are_named(opened: Callable[..., Open]) -> None:
    assert opened(Scripted()).refused("abc", path="/completions")[0] == 404


def test_the_same_question_is_drawn_anew_each_time_and_in_the_same_order(opened: Callable[..., Open]) -> None:
    told = []
    for _ in range(2):
        door = opened(Scripted())
        told.append([door.text(text, temperature=0.5) for text in ("a", "a", "b", "a")])
    assert told[0] == ["0 a at 0.5", "1 a at 0.5", "0 b at 0.5", "2 a at 0.5"] == told[1]


def test_questions_at_a_time_are_answered_together(opened: Callable[..., Open]) -> None:
    target = Scripted()
    door = opened(target)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(door.text, [f"q{number}" for number in range(64)]))
    assert answers == [f"q{number}"[::-1] for number in range(64)]
    assert max(target.calls) > 1
    assert sum(target.calls) == 64


def test_what_cannot_be_answered_is_told_and_counted_and_costs_its_neighbours_nothing(
    opened: Callable[..., Open],
) -> None:
    door = opened(Scripted(max_error_rate=0.5))
    asked = ["lost", *map(str, range(FEW))]
    with ThreadPoolExecutor(len(asked)) as threads:
        told = list(threads.map(lambda text: door.refused(text) if text == "lost" else door.text(text), asked))
    assert told == [(400, "the prompt is too long"), *map(str, range(FEW))]
    assert (door.loopback.asked, door.loopback.unanswered) == (FEW + 1, ["the prompt is too long"])
    door.loopback.refuse_too_many()


def test_more_than_may_stay_unanswered_is_refused_at_the_end(opened: Callable[..., Open]) -> None:
    door = opened(Scripted(max_error_rate=0.1))
    door.refused("lost")
    door.text("abc")
    with pytest.raises(Unanswered, match="1 of 2 questions were not answered"):
        door.loopback.refuse_too_many()


@pytest.mark.parametrize(("rate", "asked"), [(0.0, 1), (0.5, GONE)])
def test_who_does_not_answer_any_more_is_not_asked_to_the_end(rate: float, asked: int) -> None:
    loopback = Loopback(Scripted(max_error_rate=rate), "m", 8)
    with loopback.open() as door, ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(Open(door).refused, f"lost {number}") for number in range(2 * GONE)]
        with pytest.raises(Unanswered, match="too long"):
            door.answer(lambda: False)
        door._gone = True
        codes = [one.result(timeout=20)[0] for one in waiting]
    assert codes.count(400) < asked
    assert codes.count(400) + codes.count(503) == 2 * GONE


def test_a_request_of_no_length_or_a_strange_key_is_refused(opened: Callable[..., Open]) -> None:
    door = opened(Scripted())
    address = door.loopback.url.removeprefix("http://").partition("/")[0]
    for headers, code in (({"Content-Length": "abc"}, 413), ({"Authorization": "Bearer \xe9"}, 401)):
        connection = http.client.HTTPConnection(address, timeout=20)
        connection.putrequest("POST", "/v1/chat/completions")
        for name, value in ({"Authorization": f"Bearer {door.loopback.key}"} | headers).items():
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders()
        assert connection.getresponse().status == code
        connection.close()


def test_who_asks_when_it_is_over_is_not_left_waiting() -> None:
    loopback = Loopback(Scripted(), "m", 8)
    with loopback.open() as door, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(Open(door).refused, "abc")
        while not door._queue.qsize():
            pass
        door.answer(lambda: True)
        door._gone = True
        assert waiting.result(timeout=20)[0] == 503


def test_system_turns_by_either_name_are_system_turns() -> None:
    from ftctl_adapters.serving.loopback_server import read_request

    body = {"messages": [{"role": "developer", "content": "be brief"}, {"role": "user", "content": None}]}
    assert read_request(json.dumps(body).encode(), 9).prompt.messages == (Message("system", "be brief"),
                                                                          Message("user", ""))  # fmt: skip
