"""Render a chat template of others in a process that can be killed, before any other process renders it.

``python -m ftctl_adapters.modeling.template_trial`` reads the template from standard input, renders a few short
conversations, and prints the length of the longest text. Jinja's sandbox limits a loop to 100,000 rounds, but not loops
within loops, nor the length of a text.
"""

import contextlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ftctl.errors import ModelUnsafe

CPU_SECONDS, MEMORY_BYTES, LONGEST = 5, 1 << 30, 1 << 20
"""Processor time and address space of the trial, and characters that a short conversation may become."""
TOO_MUCH = 3
"""Exit code where memory does not suffice."""
BUSY_FACTOR = 15
"""Times the processor time that it may take on a busy machine."""

ASKED: list[dict[str, Any]] = [{"role": "user", "content": "Is it?"}]
ANSWERED = [*ASKED, {"role": "assistant", "content": "It is."}]
CONVERSATIONS = (
    ASKED,
    ANSWERED,
    [{"role": "system", "content": "Be brief."}, *ANSWERED, *ASKED],
    [*ANSWERED, {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "<think>so</think>So."}],
)
MARKS = {"bos_token": "<s>", "eos_token": "</s>"}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {}}},
}


def try_template(source: str, where: str) -> None:
    """Render short conversations in a process of its own.

    Raises:
        ModelUnsafe: it took too long, too much memory, or made a text that is far too long.
    """
    command = [sys.executable, "-P", "-m", "ftctl_adapters.modeling.template_trial"]
    try:
        done = subprocess.run(
            command, input=source.encode("utf-8", "replace"), capture_output=True, check=False,
            timeout=CPU_SECONDS * BUSY_FACTOR,
        )  # fmt: skip
        code, said = done.returncode, done.stdout.decode(errors="replace").strip()
    except subprocess.TimeoutExpired:
        code, said = -1, ""
    step = "replace the template; ftctl never renders such a one"
    if code < 0 or code == TOO_MUCH:
        bounds = f"{CPU_SECONDS} s and {MEMORY_BYTES >> 30} GiB"
        raise ModelUnsafe(f"{where}: the chat template needs more than {bounds} for two short turns", next_step=step)
    if said.isdecimal() and int(said) > LONGEST:
        raise ModelUnsafe(f"{where}: the chat template makes {said} characters of two short turns", next_step=step)


def longest(source: str) -> int:
    """Return the number of characters of the longest text that the template makes of `CONVERSATIONS`."""
    import json

    from jinja2 import nodes
    from jinja2.ext import Extension
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012 - jinja2 declares it as an instance variable

        def parse(self, parser: Any) -> nodes.Node:
            line = next(parser.stream).lineno
            return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation]
    )
    environment.filters["tojson"] = lambda value, **given: json.dumps(value, ensure_ascii=False)
    environment.globals["strftime_now"] = lambda form: datetime(2026, 1, 31).strftime(form)
    environment.globals["raise_exception"] = _refused
    template, lengths = environment.from_string(source), [0]
    for turns in CONVERSATIONS:
        for more in ({}, {"tools": [TOOL]}):
            # what a template refuses, or fails at, is told where a row is rendered
            with _but_memory():
                given = {"messages": turns, "add_generation_prompt": turns is ASKED, **MARKS, **more}
                lengths.append(len(template.render(**given)))
    return max(lengths)


@contextlib.contextmanager
def _but_memory() -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except Exception:  # noqa: S110 # of others, whatever it is
        pass


def _refused(text: str) -> None:
    from jinja2.exceptions import TemplateError

    raise TemplateError(text)


def main() -> int:
    """Render within the limits; return `TOO_MUCH` if memory does not suffice."""
    for kind, most in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_AS, MEMORY_BYTES)):
        # macOS has no such limit of memory
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))
    try:
        print(longest(sys.stdin.buffer.read().decode()))
    except MemoryError:
        return TOO_MUCH
    return 0


if __name__ == "__main__":
    sys.exit(main())
