"""``ftctl runs``."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ftctl.application.run_record import recorded_run
from ftctl.application.run_result import RunResult
from ftctl.domain.codec import to_plain
from ftctl.domain.event import STAGE_FINISHED, STAGE_SKIPPED, STAGE_STARTED, STEP_FINISHED
from ftctl.errors import RunDamaged, UsageError
from ftctl.ports.run_journal import RunJournal
from ftctl_adapters.cli.options import json_option, workspace_option


@click.group(invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List, show and resume runs of this workspace; alone, list them."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@command.command("list")
@workspace_option
@json_option
def list_(workspace: Path, as_json: bool) -> None:
    """List runs, the newest last."""
    runs = [_document(_journals(workspace).open(run_id)) for run_id in _journals(workspace).ids()]
    if as_json:
        print(json.dumps(runs, ensure_ascii=False))
        return
    from ftctl_adapters.cli.tables import print_table

    rows = [[r["run_id"], _changed(workspace, r), r["status"], str(len(r["stages"])), r["report"] or "–"] for r in runs]
    print_table([["run", "last change", "status", "stages", "report"], *rows])


@command.command()
@click.argument("run_id")
@workspace_option
@json_option
def show(run_id: str, workspace: Path, as_json: bool) -> None:
    """Show stages, metrics and report of a run; a prefix of its name is enough."""
    document = recorded_run(known(workspace, run_id)) or {}
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
        return
    from ftctl_adapters.cli.tables import print_result

    print(f"run {document['run_id']}: {document['status']}")
    print_result(document, stopped=document["status"] != "running")
    for line in standing(known(workspace, run_id), document):
        print(line)


def standing(journal: RunJournal, document: dict[str, Any]) -> list[str]:
    """Return where an unfinished run stands, and the command that goes on; nothing of a finished one."""
    if document.get("status") == "done":
        return []
    begun, step = "", ""
    for event in journal.events():
        if event.kind == STAGE_STARTED:
            begun, step = event.stage, ""
        elif event.kind in (STAGE_FINISHED, STAGE_SKIPPED) and event.stage == begun:
            begun = ""
        elif event.kind == STEP_FINISHED and "total" in event.data:
            step = f", step {event.data['step']} of {event.data['total']}"
    done = [stage["name"] for stage in document.get("stages", ()) if stage["status"] in ("done", "cached")]
    stands = f"stands in {begun}{step}" if begun else f"stands after {done[-1]}" if done else "has not begun"
    why = document.get("error") or {}
    said = [f"ended by: {why['what']} [{why['code']}]"] if why else []
    return ["", *said, stands, f"go on: ftctl runs resume {document['run_id']}"]


@command.command()
@click.argument("run_id")
@workspace_option
@json_option
def events(run_id: str, workspace: Path, as_json: bool) -> None:
    """Print the events of a run in order."""
    found = list(known(workspace, run_id).events())
    if as_json:
        print(json.dumps(to_plain(found), ensure_ascii=False))
        return
    for event in found:
        print(f"{event.at:.3f} {event.kind} {event.stage} {json.dumps(event.data, ensure_ascii=False)}")


@command.command()
@click.argument("run_id")
@workspace_option
@click.option("--once", is_flag=True, help="Stop the server after it was verified.")
@json_option
def resume(run_id: str, workspace: Path, once: bool, as_json: bool) -> None:
    """Resume a stopped or failed run from its finished stages."""
    from ftctl_adapters.cli.launch import SWITCHES, launch

    given: dict[str, Any] = {
        "run_file": known(workspace, run_id).folder / "run.yaml",
        "workspace": workspace,
        "as_json": as_json,
        "settings": (),
        "inline": False,
        "cold": False,
        "create_envs": False,
        "dry_run": False,
    }
    switches: dict[str, Any] = dict.fromkeys(SWITCHES)
    launch("verify", once, **given, **switches)


def _journals(workspace: Path) -> Any:
    from ftctl.private_workspace import private_workspace
    from ftctl_adapters.store.run_journal import DiskRunJournals

    return DiskRunJournals(private_workspace(workspace))


def known(workspace: Path, run_id: str) -> RunJournal:
    """Return the run with this name or prefix.

    Raises:
        UsageError: none or several begin so.
    """
    journals = _journals(workspace)
    begun = [found for found in journals.ids() if found.startswith(run_id)]
    if run_id not in begun and len(begun) != 1:
        from ftctl.domain.names import nearest

        if begun:
            raise UsageError(
                f"{run_id!r} begins the names of {len(begun)} runs", next_step=f"one of {', '.join(begun)}"
            )
        meant = nearest(run_id, journals.ids())
        hint = f"did you mean {meant}?" if meant else "which there are: ftctl runs list"
        raise UsageError(f"no run {run_id!r} in {workspace}", next_step=hint)
    journal: RunJournal = journals.open(run_id if run_id in begun else begun[0])
    return journal


def _changed(workspace: Path, document: dict[str, Any]) -> str:
    stamp = (workspace / "runs" / document["run_id"] / "run.json").stat().st_mtime
    return datetime.fromtimestamp(stamp).strftime("%Y-%m-%d %H:%M")


def _document(journal: RunJournal) -> dict[str, Any]:
    """Return the record of a run; one that cannot be read is named, and stands in the list as damaged."""
    try:
        return recorded_run(journal) or {}
    except RunDamaged as error:
        print(f"ftctl: {error.what}; {error.next_step}", file=sys.stderr)
        return RunResult(journal.folder.name, "damaged").document()
