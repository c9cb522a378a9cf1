"""``ftctl plugins new`` and ``ftctl plugins check``, as far as they need no clean environment."""

import json
import tomllib
from pathlib import Path

import pytest

from ftctl.plugin.offer import PORTS
from tests.conftest import Ftctl


def test_a_backend_is_held_against_its_contract(ftctl: Ftctl) -> None:
    done = ftctl("plugins", "check", "text-metrics", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["port"], told["dist"], told["kept"]) == ("evaluator", "ftctl", True)
    outcomes = {one["test"]: one["outcome"] for one in told["tests"]}
    assert outcomes["test_the_same_answers_give_the_same_figures"] == "passed"
    assert outcomes.pop("test_it_needs_no_examples") == "skipped"  # it brings none of its own
    # nobody chose the targets for it
    assert outcomes.pop("test_the_best_and_the_worst_target_score_at_the_ends") == "skipped"
    assert set(outcomes.values()) == {"passed"}


def test_options_are_given_as_in_a_run(ftctl: Ftctl, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps({"text": f"row {n}"}) for n in range(3)))
    done = ftctl("plugins", "check", "jsonl", "--port", "data_source", "--set", f"path={tmp_path / 'rows.jsonl'}")
    assert done.returncode == 0, done.stderr
    assert "✓ test_every_example_is_canonical" in done.stdout
    assert "– test_what_is_absent_is_the_ports_error  there is always something to read" in done.stdout
    assert "ftctl:jsonl" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("check", "nosuch"), 2, "no backend 'nosuch'"),
        (("check", "jsonl"), 2, "'jsonl' is a backend of several ports; --port data_source or monitor"),
        (("check", "lorra", "--port", "tuner"), 2, "did you mean 'lora'?"),
        (("check", "mix"), 2, "--set.paths: missing"),
        (("check", "mix", "--set", "paths"), 2, "--set paths: must be path=value"),
        (("new", "tunre", "x"), 2, "did you mean 'tuner'?"),
        (("new", "tuner", "lora"), 2, "'lora' is a tuner of ftctl's own"),
        (("new", "tuner", "x-"), 2, "'x-' cannot name a backend"),
        (("new", "tuner", "../x"), 2, "'../x' cannot name a backend"),
        (("new", "tuner", "9x"), 2, "'9x' cannot name a backend"),
    ],
)
def test_a_mistake_is_one_line(ftctl: Ftctl, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = ftctl("plugins", *arguments)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("def test_nothing_of_ours(): pass\n", 0, "✓ test_nothing_of_ours"),
        ("x = 1\n", 2, "nothing was tested"),
        ("import nosuchmodule\n", 6, "No module named 'nosuchmodule'"),
        ("import pytest\n@pytest.mark.skip\ndef test_a(): pass\n", 2, "nothing was tested"),
    ],
)
def test_a_file_of_ones_own_is_run_instead(ftctl: Ftctl, tmp_path: Path, text: str, code: int, said: str) -> None:
    (tmp_path / "test_mine.py").write_text(text)
    done = ftctl("plugins", "check", "text-metrics", "--tests", "test_mine.py")
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr
    told = json.loads(ftctl("plugins", "check", "text-metrics", "--tests", "test_mine.py", "--json").stdout)
    assert told["kept"] == (code == 0)


@pytest.mark.parametrize(
    ("port", "name", "kind"),
    [
        ("data-source", "example", "ExampleSource"),
        ("data-source", "data", "MyDataSource"),
        ("evaluator", "none", "NoneEvaluator"),
        ("tuner", "my-tuner", "MyTuner"),
    ],
)
def test_a_class_is_never_called_like_what_it_needs(
    ftctl: Ftctl, tmp_path: Path, port: str, name: str, kind: str
) -> None:
    assert ftctl("plugins", "new", port, name).returncode == 0
    assert f"\nclass {kind}(" in next(tmp_path.glob("*/src/*/backend.py")).read_text()


@pytest.mark.parametrize("port", PORTS)
def test_a_project_has_all_it_needs_and_no_placeholder(ftctl: Ftctl, tmp_path: Path, port: str) -> None:
    done = ftctl("plugins", "new", port.replace("_", "-"), "my.new-one")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "ftctl-my.new-one"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["ftctl.plugins"] == {"my.new-one": "ftctl_my_new_one.manifest"}
    package = folder / "src" / "ftctl_my_new_one"
    for path in (package / "manifest.py", package / "backend.py", folder / "tests" / "test_contract.py"):
        assert "$" not in path.read_text()
        compile(path.read_text(), str(path), "exec")
    assert {"README.md", ".gitignore", ".github"} <= {path.name for path in folder.iterdir()}
    again = ftctl("plugins", "new", port, "my.new-one")
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
