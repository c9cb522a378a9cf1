"""What stands in a page for the shell is run by a test, or said not to be."""

from pathlib import Path

import pytest

from tests.docs.shell import ROOT, blocks

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "contrib").rglob("*.md")])
CONTRIB = "tests/outsiders/test_contrib.py"
RUN_BY = {
    "README.md": (".ci/run", ".ci/run"),
    "CONTRIBUTING.md": ("not run: the README's command in its parts",),
    "docs/tutorial/first-run.md": ("tests/functional/test_quickstart.py",) * 2,
    "docs/tutorial/own-plugin.md": (CONTRIB,) * 3,
    "docs/tutorial/from-documents.md": ("tests/functional/test_from_documents.py",) * 2,
    "docs/how-to/onnx.md": ("tests/backends/test_onnx.py",),
    "docs/how-to/vllm.md": ("tests/backends/test_vllm.py",),
    "docs/how-to/evaluate.md": ("tests/backends/test_lm_eval.py", "tests/functional/test_artifacts.py"),
    "docs/how-to/gold-set.md": ("tests/functional/test_goldset.py",) * 2,
    "docs/how-to/attack.md": ("tests/backends/test_pyrit.py",),
    "docs/how-to/inspect.md": ("tests/backends/test_inspect_ai.py",),
    "docs/how-to/scan.md": ("tests/backends/test_garak.py",),
    "docs/how-to/search.md": ("tests/functional/test_search.py",),
    "docs/how-to/request.md": ("tests/functional/test_artifacts.py",),
    "docs/how-to/plugin.md": ("tests/outsiders/test_new_plugins.py",),
    "contrib/ftctl-echo/README.md": (CONTRIB,),
    "contrib/ftctl-moderation/README.md": (CONTRIB,),
    "contrib/ftctl-sql/README.md": ("not run: the server in its address is an example", CONTRIB),
    "contrib/tiny-model/README.md": ("not run: ten minutes of training; the weights it made lie in the package",),
    "docs/performance.md": ("not run: a benchmark against a peer with an environment of its own",),
}
"""By page, for each of its blocks, the file whose tests run it."""


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_for_the_shell_is_run(page: Path) -> None:
    name = str(page.relative_to(ROOT))
    assert len(RUN_BY.get(name, ())) == len(blocks(page)), f"say in RUN_BY what runs each block of {name}"
    for place in RUN_BY[name]:
        if not place.startswith("not run: "):
            text = (ROOT / place).read_text()
            known = page.parent.name if name.startswith("contrib/") else page.name
            assert known in text, f"{place} does not name {name}"
