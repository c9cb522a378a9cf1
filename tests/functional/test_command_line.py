"""The command line without a backend: help, errors, exit codes, start-up."""

import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ftctl, minimal_environment


def test_help_names_every_command(ftctl: Ftctl) -> None:
    from ftctl_adapters.cli.main import COMMANDS

    done = ftctl("--help")
    assert done.returncode == 0
    assert all(re.search(rf"^  {name} ", done.stdout, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize(
    "command", ["run", "data", "tune", "evaluate", "compress", "serve", "verify", "plugins", "runs"]
)
def test_every_command_helps(ftctl: Ftctl, command: str) -> None:
    done = ftctl(command, "--help")
    assert done.returncode == 0
    assert "Usage:" in done.stdout


def test_two_problems_are_both_shown(ftctl: Ftctl) -> None:
    done = ftctl("run", "--tuner", "lora", "--server", "nosuch", "--set", "tuner.rnak=8")
    assert done.returncode == 2
    assert "tuner.rnak: unknown key; did you mean 'rank'?" in done.stderr
    assert "server.use: no server 'nosuch'; known: onnx, tensorrt-llm, transformers, vllm" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("rnu",), 2, "did you mean 'run'?"),
        (("run", "--nosuch"), 2, "No such option"),
        (("run", "nosuch.yaml"), 2, "cannot read nosuch.yaml"),
        (("run", "--model", "nosuch"), 2, "is no folder here and no hub name"),
        (("run", "--set", "tuner.rank=100000"), 2, "at most"),
        (("run", "--set", "tuner.num_train_epochs=1e18"), 2, "whole number"),
        (("run", "--set", "tuner.learning_rate=1e9"), 2, "less than 1"),
        (("run", "--set", "tuner.per_device_train_batch_size=0"), 2, "at least 1"),
        (("run", "--set", "tuner.per_device_train_batch_size=-1"), 2, "at least 1"),
        (("run", "--set", "tuner.target_modules=nosuch_proj"), 2, "matches no layer"),
        (("run", "--data-source", "jsonl"), 2, "data_source.path: missing"),
        (("run", "--data-source", "jsonl", "--set", "data_source.path=nosuch.jsonl"), 3, "no such file"),
        (("runs", "show", "../../etc"), 2, "ftctl runs list"),
        (("run", "--workspace", "/proc/nosuch"), 5, "cannot be written"),
        (("evaluate", "--endpoint", "http://[::1", "--model", "builtin:tiny"), 2, "no URL of a server"),
    ],
)
def test_a_mistake_is_one_clear_line_and_the_right_code(
    ftctl: Ftctl, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = ftctl(*arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".ftctl" / "artifacts").exists()


def test_debug_shows_the_traceback(ftctl: Ftctl) -> None:
    assert "Traceback" in ftctl("--debug", "run", "--model", "nosuch").stderr


def test_with_json_an_error_is_json_too(ftctl: Ftctl) -> None:
    done = ftctl("run", "--json", "--server", "nosuch")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "config-invalid"


def test_plugins_lists_every_port(ftctl: Ftctl) -> None:
    listed = json.loads(ftctl("plugins", "--json").stdout)
    assert {row["port"] for row in listed} >= {
        *("data_source", "tuner", "evaluator", "compressor", "server", "monitor"),
    }
    ready = {row["name"] for row in listed if row["status"] == "ready"}
    assert ready >= {"jsonl", "lora", "text-metrics", "int8", "transformers", "console"}
    asked = {row["name"]: row["status"] for row in listed if row["name"] not in ready}
    assert all(status.startswith("needs ftctl env create ") for status in asked.values()), asked


def test_config_shows_validates_and_documents(ftctl: Ftctl, tmp_path: Path) -> None:
    shown = ftctl("config", "show")
    (tmp_path / "again.yaml").write_text(shown.stdout)
    assert ftctl("config", "validate", "again.yaml").stdout.startswith("valid: run lora-")
    assert ftctl("config", "show", "again.yaml").stdout == shown.stdout
    assert "rank: 3" in ftctl("config", "show", "--set", "tuner.rank=3").stdout
    assert ftctl("config", "validate", "--set", "tuner.rank=0").returncode == 2
    schema = json.loads(ftctl("config", "schema", "--json").stdout)
    assert {"objective dpo", "launcher torchrun", "tuner lora"} <= schema.keys()
    assert all(field["help"] for section, fields in schema.items() if section != "run file" for field in fields)


MODULES = ["torch", "transformers", "rich", "yaml", "ruamel.yaml", "cattrs", "peft", "numpy"]


@pytest.mark.parametrize(("arguments", "limit"), [(("--help",), 0.150), (("plugins", "--json"), 0.400)])
def test_the_start_is_quick_and_imports_nothing_heavy(arguments: tuple[str, ...], limit: float) -> None:
    """The one timed test: a start-up that imports a backend is twenty times slower, so the bound is far from noise."""
    code = (
        "import sys\nfrom ftctl_adapters.cli.main import main\n"
        f"sys.argv = ['ftctl', *{arguments!r}]\n"
        "try: main()\n"
        f"finally: print([name for name in {MODULES!r} if name in sys.modules], file=sys.stderr)"
    )
    took = []
    for _ in range(10):
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], env=minimal_environment(), capture_output=True, text=True)
        took.append(time.perf_counter() - started)
        assert done.stderr.strip() == "[]"
    assert statistics.median(took) < limit


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_console_without_a_sign_for_a_character_gets_a_question_mark(ftctl: Ftctl, encoding: str) -> None:
    done = ftctl("plugins", "list", env={"PYTHONIOENCODING": encoding})
    assert done.returncode == 0, done.stderr
    assert "?" in done.stdout
    assert done.stdout.isascii() or encoding == "latin-1"


def test_an_option_that_is_empty_is_refused(ftctl: Ftctl) -> None:
    done = ftctl("run", "--tuner", "", "--model", "", "--dry-run")
    assert done.returncode == 2
    assert "--model, --tuner is empty" in done.stderr


def test_a_bug_keeps_its_exit_code_with_its_traceback(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    from ftctl_adapters.cli import main

    def breaks(*_given: Any, **_named: Any) -> None:
        raise LookupError("half a surrogate \ud800")

    monkeypatch.setattr(main.cli, "main", breaks)
    monkeypatch.setenv("FTCTL_DEBUG", "1")
    main.open_standard_streams()
    assert main._exit_code() == 70
