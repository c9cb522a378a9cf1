"""The docs name everything there is, say what the code says, and their examples work."""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import click
import pytest

from ftctl.application.resolve import resolve
from ftctl.domain import event
from ftctl.errors import all_errors
from ftctl.plugin import hooks
from ftctl.plugin.offer import PORTS
from ftctl_adapters.bootstrap import build_registry
from ftctl_adapters.cli.environments import Assumed
from ftctl_adapters.config.compose import compose
from ftctl_adapters.environments.local import LocalEnvironments

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "contrib").rglob("*.md")])


def headings(name: str) -> set[str]:
    return set(re.findall(r"^#+ (.+)$", (ROOT / "docs" / name).read_text(), re.MULTILINE))


def test_every_port_has_a_heading() -> None:
    assert set(PORTS) <= headings("reference/ports.md")


def test_every_error_code_has_a_heading_and_a_unique_name() -> None:
    for port in PORTS[:6]:
        import_module(f"ftctl.ports.{port}")
    codes = [error.code for error in all_errors() if error.__module__.startswith("ftctl.")]
    assert len(codes) == len(set(codes))
    assert set(codes) == headings("errors.md") - {"Errors"}


def test_every_error_says_its_exit_code() -> None:
    sections = dict(
        re.findall(r"^## (\S+)\n\n(.*?)(?=^## |\Z)", (ROOT / "docs/errors.md").read_text(), re.MULTILINE | re.DOTALL)
    )
    codes = {error.code: error.exit_code for error in all_errors()}
    del codes["interrupted"]  # that of the signal
    assert "the run goes on" in sections.pop("monitor")
    del codes["monitor"]
    assert [code for code in codes if not sections[code].startswith(f"Exit code {codes[code]}. ")] == []


def test_every_hook_has_a_heading() -> None:
    specified = {name for name, value in vars(hooks).items() if hasattr(value, "ftctl_spec")}
    assert specified == {"ftctl_offers", "ftctl_event", "ftctl_run_finished"}
    assert specified <= headings("how-to/plugin.md")


def test_every_event_has_a_heading() -> None:
    assert headings("reference/events.md") == {"Events", *event.KINDS}


def source_of(path: Path, name: str, seen: frozenset[str] = frozenset()) -> str:
    """A test's source with that of the fixtures of its file."""
    text = path.read_text()
    found = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    node = found[name]
    lines = text.splitlines()[(node.decorator_list or [node])[0].lineno - 1 : node.end_lineno]
    fixtures = [argument.arg for argument in node.args.args if argument.arg in found.keys() - seen]
    further = [source_of(path, fixture, seen | {fixture}) for fixture in fixtures]
    return "\n".join([*lines, *further])


def test_what_the_matrix_calls_tested_names_a_test_that_runs_it() -> None:
    for entry in tomllib.loads((ROOT / "docs/reference/combinations.toml").read_text())["tested"]:
        file, _, name = entry["by"].partition("::")
        if file == "tests/backends/test_combinations.py":
            continue
        source = source_of(ROOT / file, name)
        if "quickstart" in file:
            source += (ROOT / "adapters/ftctl_adapters/config/quickstart.yaml").read_text()
        else:
            assert "small_run(" in source
            source += (ROOT / "tests/functional/small.py").read_text()
        named = [entry["tuner"], entry["server"], entry["compressor"], entry.get("option", "none")]
        for word in named:
            assert word == "none" or re.search(rf"\b{word}\b", source), (entry, word)


def test_every_option_is_documented() -> None:
    from ftctl.plugin.offer import load

    page = (ROOT / "docs" / "reference" / "options.md").read_text()
    for offer in build_registry().offers():
        for field in load(offer.options).__attrs_attrs__:
            assert f"| `{field.name}` |" in page
            assert field.metadata["help"].endswith((".", "…"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


SNIPPETS = [
    (page, number, text)
    for page in PAGES
    for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL))
]


@pytest.mark.parametrize(("page", "number", "text"), SNIPPETS, ids=lambda value: getattr(value, "name", None))
def test_every_run_file_in_the_docs_is_valid(tmp_path: Path, page: Path, number: int, text: str) -> None:
    """With every environment that it needs: which are built here makes no difference."""
    (tmp_path / "run.yaml").write_text(text)
    resolve(compose(tmp_path / "run.yaml", {}, ()), build_registry(), Assumed(LocalEnvironments(tmp_path)))


@pytest.mark.parametrize("heading", ["Quick start", "Run the tests"])
def test_the_readme_has_one_command_under_each_heading(heading: str) -> None:
    section = (ROOT / "README.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 1
    assert len(blocks[0].strip().splitlines()) == 1


def test_the_readmes_table_names_every_backend() -> None:
    section = (ROOT / "README.md").read_text().split("\n## Backends\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([a-z ]+) \| (.*) \|$", section, re.MULTILINE)
    named = {port.replace(" ", "_"): set(re.findall(r"`([^`]+)`", cell)) for port, cell in rows if port != "port"}
    assert len(named) == 9
    for port, names in named.items():
        offered = {offer.name for offer in build_registry().offers() if offer.port == port and ":" not in offer.name}
        beside = {"single", "ddp", "fsdp", "deepspeed"} if port == "launcher" else set()
        assert offered <= names <= offered | beside, port


def test_decisions_are_short() -> None:
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        assert len(page.read_text().splitlines()) <= 40


def test_the_house_keeps_its_sizes() -> None:
    import ast
    import statistics

    files = [path for folder in ("core", "adapters", "plugins") for path in (ROOT / folder).rglob("*.py")]
    lengths = [len(path.read_text().splitlines()) for path in files]
    assert statistics.median(lengths) <= 120
    assert max(lengths) <= 400
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{path}:{node.name}"


RUNS_TEXT = (
    ROOT / "adapters" / "ftctl_adapters" / "process" / "sandbox.py",
    ROOT / "core" / "ftctl" / "testing" / "contracts" / "fresh_python.py",
)
"""Runs what a model wrote, shut off from everything; runs programs that contracts wrote, in forks."""


def test_no_code_here_trusts_remote_code_or_unpickles() -> None:
    forbidden = re.compile(
        r"trust_remote_code=True|torch\.load\(|import pickle|yaml\.load\(|shell=True|(?<![.\w])(eval|exec)\("
    )
    for folder in ("core", "adapters", "plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            if path not in RUNS_TEXT:
                assert not forbidden.search(path.read_text()), path


ARRAYS = ("kernels", "dedup", "statistics")
"""Folders whose modules are torch or numpy, imported where they are used; so is the module around a loss."""

MODULES = sorted(
    ".".join(path.relative_to(ROOT / folder).with_suffix("").parts).removesuffix(".__init__")
    for folder in ("core", "adapters", "plugins")
    for path in (ROOT / folder).rglob("*.py")
    if path.stem not in ("__main__", "guard", "loss_module") and path.parent.name not in ARRAYS
)


def test_every_module_imports_alone_without_a_backend() -> None:
    """In one fresh interpreter per package it would be slow; instead heavy packages are made impossible to import."""
    code = (
        "import sys, importlib, warnings\nwarnings.simplefilter('error')\n"
        "for name in ('torch', 'transformers', 'peft', 'bitsandbytes', 'safetensors', 'sacrebleu', 'rouge_score',"
        " 'tensorboard', 'pyarrow', 'huggingface_hub', 'jinja2', 'numpy'): sys.modules[name] = None\n"
        f"for name in {MODULES!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


COMMANDS = sorted(
    {
        (page.name, line.partition("  ")[0].partition(" && ")[0].removeprefix("$ "))
        for page in PAGES
        for block in re.findall(r"```(?:sh|text)\n(.*?)```", page.read_text(), re.DOTALL)
        for line in block.splitlines()
        if re.match(r"(\$ )?ftctl [a-z]", line)
    }
)


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_every_command_in_the_docs_is_one(page: str, line: str) -> None:
    """It is parsed as the command line would, and not run; what stands in its place for a name is taken as a name."""
    from ftctl_adapters.cli.main import cli

    words = shlex.split(line.replace("…", "x"))[1:]
    command: click.Command = cli
    while isinstance(command, click.Group) and words:
        words = getattr(command, "spelled_out", list)(words)
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"no command {words[0]!r}"
        command, words = found, words[1:]
    try:
        command.make_context("ftctl", words)
    except click.UsageError as error:
        if "does not exist" not in error.message:
            pytest.fail(error.message)
