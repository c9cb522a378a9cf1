"""``ftctl search``."""

import json
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from ftctl_adapters.cli.options import cold_option, json_option, set_option, workspace_option


@click.command()
@click.argument("run_file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--space", required=True, type=click.Path(dir_okay=False, path_type=Path), help="YAML: metric, budget, parameters."
)
@click.option("--trials", type=click.IntRange(1), help="Number of trials in all; overrides the space's.")
@click.option("--minutes", type=float, help="Start no trial after this many minutes; overrides the space's.")
@set_option
@workspace_option
@cold_option
@json_option
def command(
    run_file: Path,
    space: Path,
    trials: int | None,
    minutes: float | None,
    settings: tuple[str, ...],
    workspace: Path,
    cold: bool,
    as_json: bool,
) -> None:
    """Search hyper-parameters; every trial is an ordinary run, and the same command continues.

    \b
    ftctl search run.yaml --space space.yaml --trials 20
    """
    from ftctl.errors import UsageError

    if find_spec("optuna") is None:
        raise UsageError("search needs optuna", next_step="run: pip install 'ftctl[search]'")
    from ftctl_adapters.bootstrap import build_app
    from ftctl_adapters.process.signals import interruptible
    from ftctl_adapters.search.space import read_space
    from ftctl_adapters.search.study import Search
    from ftctl_adapters.search.trial import RunTrial, name_of
    from ftctl_adapters.store.run_journal import DiskRunJournal

    wanted = read_space(space)
    app = build_app(workspace.absolute(), cold=cold)
    trial = RunTrial(app, run_file, settings, wanted)
    trial.check()
    folder = app.workspace / "searches" / name_of(run_file, settings, wanted)
    search = Search(wanted, folder, trial, lambda text: print(text, file=sys.stderr, flush=True))
    try:
        with interruptible(), DiskRunJournal(folder).owned():
            found = search.go(trials, minutes)
    finally:
        app.jobs.close()
    _show(found, f"ftctl run {run_file} --workspace {workspace}", settings, as_json=as_json)


def _show(found: dict[str, Any], command: str, settings: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found))
        return
    from ftctl_adapters.cli.tables import print_table

    names = list(found["trials"][0]["parameters"]) if found["trials"] else []
    rows = [
        [str(row["trial"]), row["state"], "–" if row["value"] is None else f"{row['value']:.6g}"]
        + [str(row["parameters"].get(name, "–")) for name in names]
        + [row["run_id"] or "–"]
        for row in found["trials"]
    ]
    print_table([["trial", "state", found["metric"], *names, "run"], *rows])
    best = found["best"]
    if best:
        chosen = [f"{path}={json.dumps(value)}" for path, value in best["parameters"].items()]
        given = " ".join(f"--set {shlex.quote(setting)}" for setting in (*settings, *chosen))
        print(f"\nbest: trial {best['trial']}\n{command} {given}")
