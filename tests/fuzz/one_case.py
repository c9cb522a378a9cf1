"""Run cases in this process: ``python -m tests.fuzz.one_case KIND FIRST COUNT`` prints those that end as bugs."""

import contextlib
import io
import json
import os
import random
import sys
import tempfile
from pathlib import Path

from tests.fuzz.commands import command_line
from tests.fuzz.documents import ROWS, rows_file, run_file

KINDS = ("run-file", "rows", "command-line")
CODES = (0, 1, 2, 3, 4, 5, 6, 7, 75)
"""Exit codes that a command may have; 1 is a closed pipe's."""


def arguments_of(kind: str, number: int, folder: Path) -> list[str]:
    """Write the case's files into the folder, and return its command line."""
    draw = random.Random(f"{kind}/{number}")
    good = "\n".join(json.dumps(ROWS[0] | {"prompt": f"{n}?"}) for n in range(40))
    (folder / "rows.jsonl").write_text(good)
    (folder / "run.yaml").write_text("model: builtin:tiny\ndata_source: {use: jsonl, path: rows.jsonl}\n")
    if kind == "run-file":
        (folder / "run.yaml").write_bytes(run_file(draw))
        return ["run", "run.yaml", "--dry-run", *draw.choice(([], ["--json"]))]
    if kind == "rows":
        name = draw.choice(("rows.jsonl", "rows.json"))
        (folder / name).write_bytes(rows_file(draw))
        skip = ["--set", "data_source.skip_invalid=99"] if draw.random() < 0.5 else []
        source = ["--data-source", "jsonl", "--set", f"data_source.path={name}"]
        return ["data", "build", *source, *skip, "--inline", "--model", "builtin:tiny"]
    return command_line(draw)


def outcome(kind: str, number: int) -> str:
    """Return what is wrong with how the case ended; empty if nothing is."""
    from ftctl_adapters.cli.main import _exit_code

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        arguments = arguments_of(kind, number, Path(folder))
        sys.argv = ["ftctl", *arguments]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = _exit_code()
            except BaseException as error:  # whatever comes through is a bug
                code = 70
                err.write(f"{type(error).__name__}: {error}")
        os.chdir("/")
    if code in CODES and "Traceback" not in err.getvalue() and (code == 0 or err.getvalue().strip() or out.getvalue()):
        return ""
    return f"{kind} {number}: exit {code}: {arguments}: {err.getvalue()[-400:]}"


def main(kind: str, first: int, count: int) -> None:
    """Print a line for each case that ended as a bug, and then how many there were."""
    for number in range(first, first + count):
        told = outcome(kind, number)
        if told:
            print("BUG", json.dumps(told), flush=True)
    print("DONE", count)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
