"""Run with command-line options: shared by ``run`` and the single-stage commands."""

import contextlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from ftctl.application.app import App
from ftctl.application.plan import Plan, make_plan
from ftctl.application.preview import Preview
from ftctl.application.resolve import resolve
from ftctl.application.run import run
from ftctl.application.run_record import recorded_run
from ftctl.application.run_result import RunResult
from ftctl.application.spec import RunSpec
from ftctl.bounded_file import read_bounded
from ftctl.domain.interpreter import Interpreter
from ftctl.errors import FtctlError, RunDamaged, UsageError, WorkspaceUnusable
from ftctl_adapters.bootstrap import build_app
from ftctl_adapters.cli.environments import create_for
from ftctl_adapters.cli.tables import print_plan, print_result
from ftctl_adapters.config.compose import compose
from ftctl_adapters.process.signals import interruptible

RUN_FILE_KEY = re.compile(r"^\{?\s*[\"']?model[\"']?\s*:", re.MULTILINE)
MANY_FILES, MOST_BYTES = 20, 1 << 16
"""Files, and bytes of each, that are looked at for a run file."""

MODELS = ("torch", "transformers")
"""Modules that load a model."""
SWITCHES = ("model", "data_source", "tuner", "evaluators", "compressor", "server", "monitors")


def launch(until: str, once: bool, preview: Preview | None = None, **given: Any) -> None:
    """Resolve, plan and run up to a phase, as the options say."""
    app = build_app(given["workspace"].absolute(), inline=given["inline"], cold=given["cold"])
    shown: list[RunResult] = []
    if not given["dry_run"] and until != "data":
        # while the run is planned: whatever it is, models are loaded
        app.jobs.expect(Interpreter(sys.executable), MODELS)
    try:
        _launch(app, until, once, preview, given, shown)
    except FtctlError as error:
        if given["as_json"] and not shown:
            print(json.dumps(failure(app, error), ensure_ascii=False))
        raise
    finally:
        app.jobs.close()


def failure(app: App, error: FtctlError) -> dict[str, Any]:
    """Return the JSON of a failed run, with its finished stages; of one that never began, only the error."""
    for run_id in reversed(app.journals.ids()):
        with contextlib.suppress(RunDamaged):
            document = recorded_run(app.journals.open(run_id)) or {}
            if document.get("error") == error.to_json():
                return document
    return {"status": "failed", "error": error.to_json()}


def _launch(
    app: App, until: str, once: bool, preview: Preview | None, given: dict[str, Any], shown: list[RunResult]
) -> None:
    if given["run_file"] is None:
        tell_of_run_files(Path())
    with interruptible():
        spec = resolved(app, given, until, preview)
        if not given["dry_run"]:
            usable(app.workspace)
        plan = make_plan(app, spec, until, preview)
        if given["dry_run"]:
            show_plan(plan, as_json=given["as_json"])
            return

        def ready(done: RunResult) -> None:
            shown.append(done)
            show_result(done, given["as_json"], preview=plan.preview, once=once)
            if plan.helps:
                print("this machine has helped; the outcome is on machine 0", file=sys.stderr)
            if done.endpoint and not once:
                print("serving until Ctrl-C", file=sys.stderr, flush=True)

        run(app, plan, once=once, on_ready=ready, restarts=given.get("restart", 0))


def tell_of_run_files(folder: Path) -> None:
    """Say that a run file which lies in the folder is not used, and the command that does use it."""
    for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")))[:MANY_FILES]:
        with contextlib.suppress(OSError):
            if RUN_FILE_KEY.search(read_bounded(path, MOST_BYTES).decode(errors="replace")):
                text = f"{path} in this folder is not used: no run file was named; `ftctl run {path}` runs it"
                print(f"ftctl: {text}", file=sys.stderr, flush=True)
                return


def resolved(app: App, given: dict[str, Any], until: str = "verify", preview: Preview | None = None) -> RunSpec:
    """Resolve run file, switches and ``--set``; build environments if asked to."""
    empty = [key for key in SWITCHES if given[key] == "" or (isinstance(given[key], tuple) and "" in given[key])]
    if empty:
        named = ", ".join("--" + key.removesuffix("s").replace("_", "-") for key in empty)
        raise UsageError(f"{named} is empty", next_step="name one, or leave the option out")
    switches = {key: (list(value) if isinstance(value := given[key], tuple) else value) or None for key in SWITCHES}
    document = compose(given["run_file"], switches, given["settings"])
    if given["as_json"]:
        document["monitors"] = [entry for entry in _listed(document) if _name(entry) != "console"]
    if given["create_envs"] and not given["dry_run"]:
        create_for(document, app, until, preview)
    return resolve(document, app.registry, app.environments)


def _listed(document: dict[str, Any]) -> list[Any]:
    monitors = document.get("monitors")
    return monitors if isinstance(monitors, list) else [] if monitors in (None, "none") else [monitors]


def _name(entry: Any) -> Any:
    return entry.get("use") if isinstance(entry, dict) else entry


def show_plan(plan: Plan, *, as_json: bool) -> None:
    """Print a plan, as tables or as JSON."""
    if as_json:
        print(json.dumps(plan.document(), ensure_ascii=False))
    else:
        print_plan(plan.document())


def show_result(result: RunResult, as_json: bool, *, preview: bool = False, once: bool = False) -> None:
    """Print the result of a run, as tables or as JSON."""
    if preview and not as_json:
        return
    if as_json:
        print(json.dumps(result.document(), ensure_ascii=False))
    else:
        print_result(result.document(), stopped=once)
    sys.stdout.flush()


def usable(workspace: Path) -> None:
    """Create the workspace; one line of error if it cannot be written.

    Raises:
        WorkspaceUnusable: it is no folder, or read-only.
    """
    try:
        workspace.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = workspace / ".probe"
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        text = f"the workspace {workspace} cannot be written: {error.strerror}"
        raise WorkspaceUnusable(text, next_step="choose another: --workspace DIR") from error
