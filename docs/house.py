"""Map of the house: every room with its sentence, and every module in it."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("core/ftctl", "adapters/ftctl_adapters", "plugins/ftctl_plugins")
BESIDE = {
    "tests/unit": "Tests over fakes, and of adapters alone.",
    "tests/contract": "Contract tests of our own backends; broken backends that fail each of them.",
    "tests/functional": "Tests that drive the real command.",
    "tests/faults": "Bad data, misbehaving plugins, kills.",
    "tests/backends": "Backends in environments of their own.",
    "tests/outsiders": "Plugins made, installed and used as third parties do.",
    "tests/docs": "Checks of these pages.",
    "tests/bench": "Benchmarks, not collected by pytest.",
    "contrib": "Real pip projects that use the plugin interface.",
    "docs": "Pages, and the scripts that generate and check them.",
}
"""Folders that are no packages of the wheel."""


def house() -> str:
    """Return the page."""
    parts = ["# Map of the house\n\nEvery room with its modules. Imports go from plugins to adapters to core.\n"]
    parts += [_room(folder) for root in ROOMS for folder in sorted({p.parent for p in (ROOT / root).rglob("*.py")})]
    parts.append("\n## Beside the packages\n\n| folder | content |\n|---|---|\n")
    parts += [f"| `{folder}` | {sentence} |\n" for folder, sentence in BESIDE.items()]
    return "".join(parts)


def _room(folder: Path) -> str:
    if "templates" in folder.parts or not (folder / "__init__.py").exists():
        return ""
    modules = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    rows = "".join(f"| `{path.stem}` | {_sentence(path)} |\n" for path in modules)
    table = f"\n| module | content |\n|---|---|\n{rows}" if rows else ""
    return f"\n## {folder.relative_to(ROOT)}\n\n{_sentence(folder / '__init__.py')}\n{table}"


def _sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")
