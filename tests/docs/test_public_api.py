"""The public interface is what its page lists, and it is enough for plugins."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest
from api import PUBLIC, sentence

from ftctl.plugin.capabilities import CAPABILITIES
from tests.docs.test_docs import PAGES, ROOT, headings

EXPORTED = {name: set(import_module(name).__all__) for name in PUBLIC}
PLUGINS = [
    *(ROOT / "adapters/ftctl_adapters/scaffold/templates").rglob("*.py.tmpl"),
    *(path for path in (ROOT / "contrib").glob("ftctl-*/**/*.py") if "egg-info" not in str(path)),
]


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_says_what_it_is(module: str) -> None:
    home = import_module(module)
    for name in home.__all__:
        assert not callable(getattr(home, name)) or sentence(getattr(home, name)), name


def imports_of(text: str) -> set[tuple[str, str]]:
    """(module, name) of everything that is imported from ftctl."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ftctl"):
            found |= {(node.module or "", alias.name) for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {(alias.name, "*") for alias in node.names if alias.name.startswith("ftctl")}
    return {(module, name) for module, name in found if re.match(r"ftctl(_adapters|_plugins)?(\.|$)", module)}


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_plugins_import_what_is_public_alone(path: Path) -> None:
    text = re.sub(r"\$\{?(\w+)\}?", r"\1", path.read_text())
    private = {one for one in imports_of(text) if one[1] not in EXPORTED.get(one[0], set())}
    assert not private


def test_the_docs_import_what_is_public_alone() -> None:
    for page in PAGES:
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
            source = block if not block.startswith("# the server's") else "class _:\n" + block.partition("\n")[2]
            private = {one for one in imports_of(source) if one[1] not in EXPORTED.get(one[0], set())}
            assert not private, page


def test_every_capability_has_a_heading() -> None:
    assert set(CAPABILITIES) <= headings("how-to/plugin.md")
