"""Commands as the pages show them, so that tests run what is told and not what they think is told."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```(sh|text)\n(.*?)```", re.DOTALL)
SOURCE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def blocks(page: Path) -> list[str]:
    """The blocks of a page that are for a shell as they stand."""
    return [text for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == "sh"]


def sources(page: str) -> list[str]:
    """The Python that a page shows."""
    return SOURCE.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))


def documented(page: str, beginning: str, instead: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The arguments of the page's one ``ftctl`` command that begins so, with words replaced by those of ``instead``.

    What follows a command after two spaces is a remark. A word that is replaced must be there.
    """
    shown = BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    lines = [line.partition("  ")[0] for _, text in shown for line in text.splitlines()]
    (line,) = [line for line in lines if line.startswith(f"ftctl {beginning}")]
    words = shlex.split(line)[1:]
    missing = (instead or {}).keys() - set(words)
    assert not missing, f"{page}: {missing} not in {line!r}"
    return tuple((instead or {}).get(word, word) for word in words)
