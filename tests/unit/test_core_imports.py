"""The core imports the standard library, attrs, cattrs and pluggy, at the top of a module or anywhere else in it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import ftctl

CORE = Path(ftctl.__file__).parent
ALLOWED = {*sys.stdlib_module_names, "attr", "attrs", "cattrs", "pluggy", "ftctl"}


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level packages that a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


def test_the_core_imports_no_technology() -> None:
    for path in CORE.rglob("*.py"):
        # contracts are tests, for whom the extra `testing` brings pytest
        allowed = ALLOWED | ({"pytest"} if "testing" in path.parts else set())
        assert set(imported(path)) <= allowed, path
