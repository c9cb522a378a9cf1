"""Draw a real run of the built-in example as ``docs/run.svg``: ``python docs/picture.py``.

Runs ``ftctl run --once`` in an empty folder, keeps the lines that a terminal shows, and renders them with rich. Lines
of repeated progress are left out.
"""

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

OUT = Path(__file__).with_name("run.svg")
WIDTH = 108
FTCTL = (sys.executable, "-m", "ftctl_adapters.cli", "run", "--once")
LEFT_OUT = re.compile(r"^(  tune \d+/|  \S+ \d+/\d+ (answers|scores)|… |report )")
STYLES = ((r"✓ \S+", "green"), (r"^  serving.*", "cyan"), (r"^endpoint.*", "cyan"), (r"exact_match\S*", "bold"))


def main() -> None:
    """Run the example and write the picture."""
    with tempfile.TemporaryDirectory(prefix="ftctl-picture-") as folder:
        command = subprocess.run(
            FTCTL, cwd=folder, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        lines = [line.replace(folder, ".") for line in command.stdout.splitlines()]
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text("$ ftctl run --once", style="bold"))
    for line in shown(lines):
        text = Text(re.sub(r"([0-9a-f]{12})[0-9a-f]{20,}", r"\1…", line), no_wrap=True, overflow="ellipsis")
        for pattern, style in STYLES:
            text.highlight_regex(pattern, style)
        console.print(text)
    OUT.write_text(console.export_svg(title="ftctl run --once"), encoding="utf-8")


def shown(lines: list[str]) -> list[str]:
    """Return the lines of the stages, the metrics and the endpoint."""
    end = next((place for place, line in enumerate(lines) if line.startswith("stage ")), len(lines))
    rest = [line for line in lines[end:] if line.startswith("endpoint")]
    return [line for line in lines[:end] + rest if line.strip() and not LEFT_OUT.match(line)]


if __name__ == "__main__":
    main()
