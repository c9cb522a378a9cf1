"""Backends of others that misbehave, through the real command: the message names plugin, distribution and version.

Their code is no sandbox's: what they do to files of ftctl is noticed, not prevented.
"""

import json
import textwrap
import time
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.conftest import Ftctl

RUN = """
model: builtin:tiny
data_source: {data_source}
tuner: {tuner}
evaluators: []
monitors: {monitors}
"""
MANIFEST = """
from ftctl.plugin import Offer, hookimpl

@hookimpl
def ftctl_offers():
    return [
        Offer(port={port!r}, name="odd", summary="s", factory="odd:Odd", options="odd:OddOptions",
              accepts=("hf",), produces=("hf",)),
    ]
"""
HEAD = """
from pathlib import Path
from ftctl.domain import Draft, Example, Message, ResourcePlan
from ftctl.plugin import option, options
from ftctl.ports import DataSource, Monitor, Tuner

@options
class OddOptions:
    pass

"""
SOURCE = """
class Odd(DataSource):
    def __init__(self, options): pass
    def fingerprint(self): return "same"
    def examples(self, context):
        for n in range(40):
            yield Example(f"row {n}", (Message("user", f"{n}?"), Message("assistant", f"{n}!")))
"""
TUNER = """
class Odd(Tuner):
    def __init__(self, options): pass
    def plan(self, shape, train_rows): return ResourcePlan(1, shape.parameters, {"train": 1}, disk=1, steps=1)
    def tune(self, model, data, objective, context):
        (context.out / "config.json").write_text("{}")
        return Draft("model", "hf")
"""
MONITOR = """
class Odd(Monitor):
    def __init__(self, options): pass
    def open(self, run_id, folder): pass
    def emit(self, event): pass
    def close(self): pass
"""
BY_PORT = {"data_source": SOURCE, "tuner": TUNER, "monitor": MONITOR}


class Odd:
    """A distribution ``odd-dist 1.5`` on the path, with one backend, and the run that uses it."""

    def __init__(self, folder: Path, ftctl: Ftctl) -> None:
        self.site, self._ftctl = folder / "site", ftctl

    def install(self, port: str, old: str = "", new: str = "", manifest: str = MANIFEST) -> None:
        """``old`` is replaced by ``new`` in a backend that is good without it."""
        source = BY_PORT[port]
        assert old in source
        info = self.site / "odd_dist-1.5.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-dist\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text("[ftctl.plugins]\nodd = odd_manifest\n")
        (self.site / "odd_manifest.py").write_text(manifest.format(port=port))
        (self.site / "odd.py").write_text(textwrap.dedent(HEAD) + source.replace(old, new))
        run = {"data_source": "{use: jsonl, path: rows.jsonl}", "tuner": "{use: lora}", "monitors": "[]"}
        run[port.replace("monitor", "monitors")] = "[odd]" if port == "monitor" else "odd"
        (self.site.parent / "run.yaml").write_text(RUN.format(**run))
        rows = (json.dumps({"prompt": f"{n}?", "completion": f"{n}!"}) for n in range(40))
        (self.site.parent / "rows.jsonl").write_text("\n".join(rows))

    def run(self, command: str, *more: str) -> "CompletedProcess[str]":
        return self._call(command, "run.yaml", *more)

    def check(self) -> "CompletedProcess[str]":
        return self._call("plugins", "check", "odd", "--port", "monitor")

    def listed(self) -> list[dict[str, Any]]:
        """What ``ftctl plugins`` knows."""
        done = self._call("plugins", "--json")
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def _call(self, *arguments: str) -> "CompletedProcess[str]":
        return self._ftctl(*arguments, env={"PYTHONPATH": str(self.site), "FTCTL_PLUGIN_SECONDS": "1"})


@pytest.fixture
def odd(tmp_path: Path, ftctl: Ftctl) -> Odd:
    return Odd(tmp_path, ftctl)


@pytest.mark.parametrize(("command", "port"), [("data", "data_source"), ("tune", "tuner"), ("data", "monitor")])
def test_a_good_one_takes_part_in_a_run(odd: Odd, command: str, port: str) -> None:
    odd.install(port)
    done = odd.run(command)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("port", "old", "new", "said"),
    [
        ("data_source", 'return "same"', "return 1", "fingerprint() returned a int, and must return a str"),
        ("data_source", "yield Example", "yield str, ", "row 1 is a tuple, no Example and no Rejection"),
        ("data_source", "self, context)", "self)", "takes 1 positional argument but 2 were given"),
        ("data_source", "for n in", "raise SystemExit(0)\n        for n in", "SystemExit: 0"),
        ("tuner", 'return Draft("model", "hf")', "return None", "tune() returned a NoneType, and must return a Draft"),
        ("tuner", "return ResourcePlan", "ResourcePlan", "plan() returned a NoneType, and must return a ResourcePlan"),
        ("tuner", "self, shape, train_rows", "self", "plan() takes 1 positional argument but 3 were given"),
        ("tuner", "class Odd(", "import sys; sys.exit(0)\nclass Odd(", "end the program in the import of its options"),
        ("tuner", "class Odd(", "import os; os._exit(0)\nclass Odd(", "end the program in the import of its options"),
        ("tuner", "return ResourcePlan", "import os; os._exit(0); return ResourcePlan", "in plan(): os._exit(0)"),
        ("tuner", '(context.out / "', 'import os; os._exit(0)\n        (context.out / "', "in tune(): os._exit(0)"),
        ("tuner", '(context.out / "', 'import os; os.abort()\n        (context.out / "',
         "the worker of stage tune (odd of odd-dist 1.5) ended with code"),
        ("tuner", '(context.out / "', 'raise KeyboardInterrupt\n        (context.out / "', "in tune(): Keyboard"),
        ("tuner", "self, options): pass", "self, options): raise KeyError('x')", "cannot be used: KeyError: 'x'"),
        (
            "tuner",
            '(context.out / "config.json")',
            '(Path(model.path) / "config.json").write_text("mine"); (context.out / "config.json")',
            "odd of odd-dist 1.5 changed what it was given to read",
        ),
    ],
)  # fmt: skip
def test_what_breaks_a_port_is_code_6_and_names_whose_it_is(odd: Odd, port: str, old: str, new: str, said: str) -> None:
    odd.install(port, old, new)
    done = odd.run("data" if port == "data_source" else "tune")
    assert done.returncode == 6, done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert said in line, done.stderr
    assert "odd" in line
    assert "odd-dist" in line
    assert "1.5" in line
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def emit(self, event): pass", "def emit(self, event): event.data.clear()"),
        ("def emit(self, event): pass", "def emit(self, event): raise SystemExit(3)"),
        ("def open(self, run_id, folder): pass", "def open(self): pass"),
        ("def close(self): pass", "def close(self): raise ValueError"),
    ],
)
def test_a_monitor_changes_nothing_whatever_it_does(odd: Odd, old: str, new: str) -> None:
    odd.install("monitor", old, new)
    done = odd.run("data", "--json")
    assert done.returncode == 0, done.stderr
    folder = odd.site.parent / ".ftctl" / "runs" / json.loads(done.stdout)["run_id"]
    events = [json.loads(line) for line in (folder / "events.ndjson").read_text().splitlines()]
    assert any(event["data"].get("rows") == 40 for event in events), "what it did to an event is in the journal"


def test_a_thread_that_a_monitor_leaves_behind_keeps_nothing_alive(odd: Odd) -> None:
    thread = "import threading, time; threading.Thread(target=time.sleep, args=(500,)).start()"
    odd.install("monitor", "def close(self): pass", f"def close(self):\n        {thread}")
    started = time.monotonic()
    assert odd.run("data").returncode == 0
    assert time.monotonic() - started < 100


def test_a_check_that_did_not_run_all_its_tests_has_failed(odd: Odd) -> None:
    odd.install("monitor", "def emit(self, event): pass", "def emit(self, event):\n        import os; os._exit(0)")
    done = odd.check()
    assert done.returncode == 6, done.stderr
    assert "ended its contract" in done.stderr
    assert "keeps the contract" not in done.stdout


def test_a_backend_that_cannot_be_imported_is_no_bug_of_ours(odd: Odd) -> None:
    odd.install("monitor", "class Odd(", "raise RuntimeError('no')\nclass Odd(")
    done = odd.check()
    assert done.returncode == 6, done.stderr
    assert "RuntimeError: no" in done.stderr
    assert "bug" not in done.stderr


SLOW = "import time\nwhile True:\n    try: time.sleep(60)\n    except Exception: pass\n"


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (SLOW, "TooSlow: it takes more than 1 s"),
        (MANIFEST.replace('name="odd"', 'name="odd", contract=99'), "written for edition 99 of the ports"),
        (MANIFEST.replace('name="odd"', 'name="odd", of_later=1'), "unexpected keyword argument 'of_later'"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("import nosuchmodule", "No module named 'nosuchmodule'"),
        ("def broken(:", "SyntaxError"),
    ],
)
def test_a_broken_manifest_is_told_with_a_remedy_and_breaks_nothing_else(odd: Odd, manifest: str, said: str) -> None:
    odd.install("tuner", manifest=manifest)
    broken = odd.run("tune")
    assert broken.returncode == 6, broken.stderr
    for part in ("odd-dist 1.5", said, "pip install -U odd-dist", "FTCTL_NO_PLUGINS=odd"):
        assert part in broken.stderr
    listed = odd.listed()
    assert {"odd", "lora"} <= {row["name"] for row in listed}
    assert [row["name"] for row in listed if row["status"] == "broken"] == ["odd"]
    assert odd.run("data", "--tuner", "lora").returncode == 0


def test_one_that_is_uninstalled_while_the_run_goes_on_is_named(odd: Odd) -> None:
    """It is there when the run is planned; the data stage takes it away before its own turn comes."""
    remove = f"import os; os.remove({str(odd.site / 'odd.py')!r})"
    odd.install("tuner", "def plan(self", f"{remove}\n    def plan(self")
    done = odd.run("tune")
    assert done.returncode == 6, done.stderr
    assert "odd of odd-dist 1.5 cannot be used: ModuleNotFoundError" in done.stderr
    assert "pip install 'odd-dist==1.5'" in done.stderr
