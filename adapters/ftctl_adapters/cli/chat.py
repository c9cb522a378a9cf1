"""``ftctl chat``."""

import sys

import click

from ftctl.domain.example import Message
from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed
from ftctl_adapters.cli.endpoint import endpoint_at

HELP = "/new begins anew, /undo takes the last question back, /quit or Ctrl-D ends"


@click.command()
@click.argument("url")
@click.option("--model", help="Model name in requests; default: the first that the server lists.")
@click.option("--system", help="A system message before everything else.")
@click.option("--max-tokens", type=click.IntRange(1), default=512, show_default=True, help="Longest answer.")
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.0, show_default=True, help="0 is greedy.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=120.0, show_default=True,
              help="Longest time between two streamed chunks, in seconds.")  # fmt: skip
def command(
    url: str, model: str | None, system: str | None, max_tokens: int, temperature: float, timeout: float
) -> None:
    """Chat with a served model, with history and streamed answers.

    From a pipe every line is a question, and only answers are printed. /new begins anew, /undo takes the last question
    and its answer back, /quit or Ctrl-D ends. Ctrl-C ends an answer early.

    \b
    ftctl chat http://127.0.0.1:8000/v1
    echo "What does str.join take?" | ftctl chat http://127.0.0.1:8000/v1
    """
    endpoint = endpoint_at(url, model)
    begin = [Message("system", system)] if system else []
    history = list(begin)
    if sys.stdin.isatty():
        print(f"{endpoint.model} at {endpoint.url}; {HELP}", file=sys.stderr)
    while (question := _question()) is not None:
        if question in ("/quit", "/new", "/undo"):
            if question == "/quit":
                return
            history = list(begin) if question == "/new" else history[: max(len(begin), len(history) - 2)]
        elif question:
            history.append(Message("user", question))
            said = _answer(endpoint, history, max_tokens, timeout, temperature)
            history = [*history, Message("assistant", said)] if said else history[:-1]


def _question() -> str | None:
    """Return the next line; ``None`` at the end of the input."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        return line.strip() if line else None
    try:
        import readline  # noqa: F401  # arrow keys and history at the prompt

        return input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
        return None


def _answer(endpoint: Endpoint, history: list[Message], max_tokens: int, timeout: float, temperature: float) -> str:
    """Print the answer while it arrives and return it; empty if there is none."""
    from ftctl_adapters.serving.openai_client import stream

    said: list[str] = []
    try:
        for piece in stream(endpoint, history, max_tokens, timeout, temperature=temperature):
            said.append(piece.text)
            print(piece.text, end="", flush=True)
    except KeyboardInterrupt:
        if not sys.stdin.isatty():
            raise
    except BackendFailed as error:
        if not sys.stdin.isatty():
            raise
        print(f"ftctl: {error.what}", file=sys.stderr)
    print(flush=True)
    return "".join(said)
