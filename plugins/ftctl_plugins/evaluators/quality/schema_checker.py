"""Hold answers against a JSON schema in a process that can be killed.

``python -m ftctl_plugins.evaluators.quality.schema_checker`` reads a schema and then answers, a line of JSON each, and
prints ``1`` or ``0`` for each. A pattern of a schema can need years for a short text, and nothing in its own process
could stop that.
"""

import contextlib
import json
import resource
import select
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from ftctl.bounded_file import read_bounded
from ftctl.ports.evaluator import EvaluatorError

SECONDS = 20.0
"""How long one answer may take; most take less than a thousandth."""
START_SECONDS = 120.0
MEMORY_BYTES = 2 << 30
LONGEST = 16 << 20


class SchemaChecker:
    """Checker of one schema; ``late`` counts answers that took too long, which do not satisfy it."""

    def __init__(self, path: str, seconds: float = SECONDS) -> None:
        """Read the schema.

        Raises:
            EvaluatorError: it is no JSON schema, or jsonschema is not installed.
        """
        self._line, self._seconds, self.late = _line(path), seconds, 0
        self._process: subprocess.Popen[bytes] | None = None
        with self:
            said = self._start()
        if said != b"ok":
            why = said.decode(errors="replace")
            text = f"is no JSON schema: {why}" if why else f"was not read within {START_SECONDS:g} s"
            raise EvaluatorError(f"structured.schema: {path} {text}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def is_valid(self, answer: Any) -> bool:
        """Return True if the answer satisfies the schema within the time it may take."""
        if self._process is None and self._start() != b"ok":
            return False
        said = self._ask(json.dumps(answer).encode() + b"\n", self._seconds)
        if said in (b"0", b"1"):
            return said == b"1"
        self.late += 1
        self._stop()
        return False

    def _start(self) -> bytes:
        command = [sys.executable, "-P", "-m", "ftctl_plugins.evaluators.quality.schema_checker"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._ask(self._line, START_SECONDS)

    def _ask(self, line: bytes, seconds: float) -> bytes:
        """Send a line and return the reply; an empty one if none came in time."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(line)
            self._process.stdin.flush()
            if select.select([self._process.stdout], [], [], seconds)[0]:
                return self._process.stdout.readline().strip()
        return b""

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _line(path: str) -> bytes:
    try:
        import jsonschema  # noqa: F401
    except ImportError as error:
        raise EvaluatorError("a schema needs jsonschema", next_step="pip install 'ftctl[eval]'") from error
    try:
        return json.dumps(json.loads(read_bounded(Path(path), LONGEST))).encode() + b"\n"
    except (OSError, ValueError, RecursionError) as error:
        raise EvaluatorError(f"structured.schema: {path} is no JSON: {error}") from error


def main() -> None:
    """Answer until the input ends."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    schema = json.loads(sys.stdin.buffer.readline())
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        print(error.message.replace("\n", " "), flush=True)
        return
    print("ok", flush=True)
    checker = Draft202012Validator(schema)
    for line in sys.stdin.buffer:
        valid = False
        with contextlib.suppress(Exception):
            valid = checker.is_valid(json.loads(line))
        print(int(valid), flush=True)


if __name__ == "__main__":
    main()
