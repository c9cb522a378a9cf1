"""A server under load: what its users wait for, and that a server which stands still is not asked less for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.launch import Endpoint
from ftctl.domain.report import Report
from ftctl.errors import BackendFailed, Unanswered
from ftctl.testing.contracts.stage import recording
from ftctl.testing.fakes import FakeTarget
from ftctl_adapters.serving import load as client
from ftctl_adapters.serving.load import Load, ask, run_load
from ftctl_adapters.serving.openai_client import Piece
from ftctl_adapters.serving.target import EndpointTarget, Link
from ftctl_plugins.evaluators.serving.load import LoadEvaluator, LoadOptions
from tests.streaming import Pace, streaming

NOWHERE = Endpoint("http://127.0.0.1:1/v1", "m")


class Watch:
    """A clock that stands still but when it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("tokens_each", [1, 5])
def test_times_are_of_the_first_text_and_of_each_token_by_the_servers_count(
    monkeypatch: pytest.MonkeyPatch, tokens_each: int
) -> None:
    watch = Watch()

    def stream(*asked: Any, **more: Any) -> Iterator[Piece]:
        yield Piece("")  # the role comes first, and is no text
        watch.now += 0.05
        yield Piece("word")
        for _ in range(9):
            watch.now += 0.01 * tokens_each
            yield Piece("word " * tokens_each)
        yield Piece("", 7, 1 + 9 * tokens_each)

    monkeypatch.setattr(client, "stream", stream)
    sample = ask(NOWHERE, "x", Load(1, 1, 1, 99), clock=watch)
    assert sample.first == pytest.approx(0.05)
    assert (sample.total - sample.first) / (sample.tokens - 1) == pytest.approx(0.01)
    assert sample.prompt_tokens == 7


def test_an_open_loop_waits_for_nobody() -> None:
    requests, stall = 40, 1.0
    with streaming(Pace(stall=stall, stalls_at=5)) as pace:
        samples, _ = run_load(Endpoint(pace.url, "m"), Load(1, requests, 4, 8, rate=60.0), lambda sample: None)
        late = [sample for sample in samples if sample.first > stall / 4]
        assert max(sample.first for sample in samples) >= stall
        assert len(late) > requests / 4, "whoever was due while it stood still has waited"
    with streaming(Pace(stall=stall, stalls_at=5)) as pace:
        samples, _ = run_load(Endpoint(pace.url, "m"), Load(1, requests, 4, 8), lambda sample: None)
        assert sum(sample.first >= stall for sample in samples) == 1, "a closed loop asks nothing meanwhile"


def measured(pace: Pace, folder: Path, key: str | None = None, **given: Any) -> Report:
    target = EndpointTarget(Endpoint(pace.url, "m"), Link(key=key))
    return LoadEvaluator(LoadOptions(**given)).evaluate(target, [], recording(folder))


def test_who_stood_still_is_seen_in_the_highest_percentile_of_an_open_loop(tmp_path: Path) -> None:
    with streaming(Pace(stall=1.0, stalls_at=5)) as pace:
        report = measured(pace, tmp_path, requests=40, warmup=0, prompt_tokens=4, rate=60.0)
    found = {metric.name: metric for metric in report.metrics}
    assert found["ttft_ms_p99"].value >= 900.0


def test_tokens_are_counted_as_the_server_counts_them_however_many_come_at_once(tmp_path: Path) -> None:
    with streaming(Pace(each=0.02, tokens_each=5)) as pace:
        report = measured(pace, tmp_path, requests=6, warmup=0)
    assert {record["tokens"] for record in report.records} == {20}
    for record in report.records:
        apart = record["latency_ms"] - record["ttft_ms"]
        assert record["tpot_ms"] == pytest.approx(apart / 19), "19 tokens came after the first, in three events"


def test_goodput_counts_who_kept_both_limits_of_all_that_asked(tmp_path: Path) -> None:
    with streaming(Pace(failing=4)) as pace:
        # two of them ask for the length of a word, and two warm it up
        told = measured(pace, tmp_path, requests=12, concurrency=1, slo_ttft_ms=60_000, slo_tpot_ms=60_000)
    found = {metric.name: metric for metric in told.metrics}
    assert (found["failed"].value, found["goodput"].value) == (3 / 12, 9 / 12)
    assert found["ttft_ms_p50"].n == 9, "who failed is in no percentile"
    assert "closed loop" in told.notes["load"]
    with streaming(Pace(first=0.02)) as pace:
        told = measured(pace, tmp_path, requests=5, slo_ttft_ms=1, slo_tpot_ms=60_000)
    assert next(metric.value for metric in told.metrics if metric.name == "goodput") == 0
    assert min(record["ttft_ms"] for record in told.records) >= 20


def test_the_key_is_shown_to_the_server_and_written_nowhere(tmp_path: Path) -> None:
    with streaming(Pace()) as pace:
        told = measured(pace, tmp_path, key="a-secret", requests=3)
    assert set(pace.keys) == {"Bearer a-secret"}
    assert "a-secret" not in repr(told)


def test_what_a_server_says_of_a_failure_may_quote_the_key_and_is_not_told(tmp_path: Path) -> None:
    with streaming(Pace(failing=4, says="Bearer a-secret")) as pace:
        told = measured(pace, tmp_path, key="a-secret", requests=8)
    assert any(record["failed"] for record in told.records)
    assert "a-secret" not in repr(told)


def test_a_redirection_is_not_followed_with_the_key(tmp_path: Path) -> None:
    with streaming(Pace()) as elsewhere, streaming(Pace(moved_to=elsewhere)) as pace, pytest.raises(BackendFailed):
        measured(pace, tmp_path, key="a-secret")
    assert elsewhere.asked == 0


def test_requests_are_told_by_their_number_and_no_prompt_comes_twice(tmp_path: Path) -> None:
    with streaming(Pace(each=0.01)) as pace:
        told = [measured(pace, tmp_path / name, requests=6, concurrency=3) for name in "ab"]
    assert [record["where"] for record in told[0].records] == [f"load.{number}" for number in range(1, 7)]
    assert len({text.split()[0] for text in pace.prompts}) == len(pace.prompts) == 2 * (2 + 2 + 6)


def test_an_answer_without_text_is_none(tmp_path: Path) -> None:
    with streaming(Pace(events=0)) as pace:
        samples, _ = run_load(Endpoint(pace.url, "m"), Load(1, 3, 4, 8), lambda _: None)
    assert {sample.error for sample in samples} == {"no text came"}


def test_a_load_that_is_stopped_begins_nothing_more(tmp_path: Path) -> None:
    for rate in (None, 20.0):
        with streaming(Pace()) as pace:
            samples, _ = run_load(
                Endpoint(pace.url, "m"), Load(1, 500, 4, 8, rate=rate), lambda _: None, lambda: pace.asked >= 5
            )
        assert 5 <= len(samples) < 250


def test_who_answers_nothing_has_no_figures(tmp_path: Path) -> None:
    with streaming(Pace(failing=1)) as pace, pytest.raises(BackendFailed, match="503"):
        measured(pace, tmp_path)


def test_a_rate_is_told_as_an_open_loop(tmp_path: Path) -> None:
    with streaming(Pace()) as pace:
        assert "100 a second, open loop" in measured(pace, tmp_path, requests=2, rate=100.0).notes["load"]


def test_a_model_in_this_process_is_no_server(tmp_path: Path) -> None:
    with pytest.raises(BackendFailed, match="no server to measure"):
        LoadEvaluator(LoadOptions()).evaluate(FakeTarget(), [], recording(tmp_path))


def test_nobody_is_answered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ftctl_plugins.evaluators.serving.load.words_for", lambda *asked: 3)
    with pytest.raises(Unanswered, match="not one of 2 requests was answered"):
        measured(Pace(url=NOWHERE.url), tmp_path, requests=2, warmup=0)
