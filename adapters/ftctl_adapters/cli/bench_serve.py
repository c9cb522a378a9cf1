"""``ftctl bench-serve``."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed
from ftctl_adapters.cli.endpoint import endpoint_at
from ftctl_adapters.cli.options import json_option
from ftctl_adapters.cli.tables import print_table

HEAD = (
    *("prompt", "at once", "requests", "errors", "requests/s", "tokens/s"),
    *("TTFT p50", "p99", "ms/token p50", "p99", "latency p50", "p99"),
)


class Numbers(click.ParamType[list[int]]):
    """Positive integers, separated by commas."""

    name = "N,N…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        try:
            found = [int(part) for part in str(value).split(",")]
        except ValueError:
            found = []
        if not found or min(found) < 1:
            self.fail(f"{value!r} must be positive integers with commas between them", param, ctx)
        return found


@click.command()
@click.argument("url")
@click.option("--model", help="Model name in requests; default: the first that the server lists.")
@click.option("--concurrency", type=Numbers(), default="1,4,16", show_default=True, help="Requests at a time.")
@click.option("--prompt-tokens", type=Numbers(), default="64", show_default=True, help="Lengths of prompts.")
@click.option("--max-tokens", type=click.IntRange(1), default=64, show_default=True, help="Longest answer.")
@click.option("--requests", type=click.IntRange(1), default=32, show_default=True, help="Requests of each level.")
@click.option("--ignore-eos", is_flag=True, help="Ask for answers of full length; vllm and onnx can.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=300.0, show_default=True,
              help="Longest time between two streamed chunks, in seconds.")  # fmt: skip
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML page with the curves.")
@json_option
def command(url: str, model: str | None, concurrency: list[int], prompt_tokens: list[int], max_tokens: int,
            requests: int, ignore_eos: bool, timeout: float, plot: Path | None, as_json: bool) -> None:  # fmt: skip
    """Benchmark an OpenAI-compatible server under load.

    Greedy streamed chats, in a closed loop: at each level so many requests are under way, and each is followed by the
    next. TTFT is the wait for the first text. Failed requests are counted, and are in no percentile.

    \b
    ftctl bench-serve http://127.0.0.1:8000/v1 --concurrency 1,8 --prompt-tokens 128,1024
    """
    from ftctl_adapters.report.bench_page import bench_page
    from ftctl_adapters.serving.load import Load, words_for

    endpoint = endpoint_at(url, model)
    more: dict[str, Any] = {"ignore_eos": True} if ignore_eos else {}
    levels = []
    for length in prompt_tokens:
        words = words_for(endpoint, length, timeout)
        for count in concurrency:
            load = Load(count, max(requests, count), words, max_tokens, timeout, seed=count, more=more)
            levels.append({"prompt_tokens_asked": length} | _level(endpoint, load))
    document = {"url": endpoint.url, "model": endpoint.model, "max_tokens": max_tokens, "levels": levels}
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        print_table([list(HEAD), *map(_row, levels)])
    if plot:
        plot.write_text(bench_page(document), encoding="utf-8")
        print(f"curves in {plot}", file=sys.stderr)
    if all(level["errors"] == level["requests"] for level in levels):
        raise BackendFailed(f"no request was answered: {levels[0]['first_error']}", next_step="see the server's log")


def _level(endpoint: Endpoint, load: Any) -> dict[str, Any]:
    from ftctl_adapters.serving.latency import summary
    from ftctl_adapters.serving.load import run_load

    done = 0

    def progress(_: Any) -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            print(f"\r{load.concurrency} at once: {done}/{load.requests}  ", end="", file=sys.stderr, flush=True)

    found = summary(load, *run_load(endpoint, load, progress))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if found["first_error"]:
        print(f"{found['errors']} of {found['requests']} failed: {found['first_error']}", file=sys.stderr)
    return found


def _row(level: dict[str, Any]) -> list[str]:
    rates = [f"{level['requests_per_second']:.2f}", f"{level['tokens_per_second']:,.1f}"]
    counts = [f"{level['prompt_tokens']:.0f}", *(str(level[key]) for key in ("concurrency", "requests", "errors"))]
    times = [
        f"{level[kind][share] * 1000:.1f}" + ("" if kind == "tpot" else " ms")
        for kind in ("ttft", "tpot", "latency")
        for share in ("p50", "p99")
    ]
    return [*counts, *rates, *times]
