"""``ftctl data``: build the data set of a run, and inspect data sets."""

from pathlib import Path
from typing import Any

import click

from ftctl_adapters.cli import data_check as check
from ftctl_adapters.cli import data_export as export
from ftctl_adapters.cli import data_preview as preview
from ftctl_adapters.cli.options import json_option, run_options, workspace_option

ROWS = (".csv", ".tsv", ".jsonl", ".json", ".ndjson", ".parquet", ".txt")
"""How files of rows are called."""

DATASET = click.argument("dataset", required=False)


class BuildByDefault(click.Group):
    """Group that previews a file of rows, builds the data set of a run file, and without an argument lists those."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self.spelled_out(args))

    def spelled_out(self, args: list[str]) -> list[str]:
        """Return the arguments with the implied command inserted."""
        if not args:
            return ["list"]
        if args[0] in self.commands or args[0] in ("-h", "--help"):
            return args
        return ["preview" if _is_data(args[0]) else "build", *args]


def _is_data(name: str) -> bool:
    """Return True for the name of a file with rows, as against a run file."""
    bare = name.lower().removesuffix(".gz").removesuffix(".zst").removesuffix(".bz2").removesuffix(".xz")
    return bare.endswith(ROWS)


@click.group(cls=BuildByDefault, subcommand_metavar="[COMMAND] [ARGS]...")
def command() -> None:
    """Build a run's data set with its ledger; list, show and compare data sets.

    \b
    ftctl data FILE.csv             how its rows will be read, and the mapping to copy
    ftctl data run.yaml             build it, and stop there
    ftctl data show                 the newest one: splits, funnel, lengths, samples
    ftctl data why train.jsonl:17   what became of a row
    """


@command.command()
@run_options
def build(**given: Any) -> None:
    """Build a run's data set with its ledger."""
    from ftctl_adapters.cli.launch import launch

    launch("data", True, **given)


command.add_command(check.command, "check")
command.add_command(export.command, "export")
command.add_command(preview.command, "preview")


@command.command("list")
@workspace_option
@json_option
def list_(workspace: Path, as_json: bool) -> None:
    """List data sets, the newest last."""
    from ftctl_adapters.cli import data_sets

    data_sets.show_all(workspace, as_json)


@command.command()
@DATASET
@click.option("--samples", default=3, show_default=True, type=click.IntRange(0), help="Rows of each split and state.")
@workspace_option
@json_option
def show(dataset: str | None, samples: int, workspace: Path, as_json: bool) -> None:
    """Show a data set, by its id, its first six digits or more, or a tag; by default the newest one."""
    from ftctl_adapters.cli import data_sets

    data_sets.show(workspace, dataset, samples, as_json)


@command.command()
@click.argument("row")
@DATASET
@workspace_option
@json_option
def why(row: str, dataset: str | None, workspace: Path, as_json: bool) -> None:
    """Trace ROW through the data steps; ROW is a number, or a place like train.jsonl:17."""
    from ftctl_adapters.cli import data_sets

    data_sets.tell_why(workspace, row, dataset, as_json)


@command.command()
@click.argument("old")
@click.argument("new", required=False)
@workspace_option
@json_option
def diff(old: str, new: str | None, workspace: Path, as_json: bool) -> None:
    """Show rows added and removed between two data sets; without NEW, up to the newest one."""
    from ftctl_adapters.cli import data_sets

    data_sets.compare(workspace, old, new, as_json)


@command.command()
@click.argument("dataset")
@click.argument("name")
@workspace_option
def tag(dataset: str, name: str, workspace: Path) -> None:
    """Tag a data set; a run file refers to it by `dataset: NAME`."""
    from ftctl.application.find_dataset import tag_dataset
    from ftctl_adapters.cli.data_sets import store_of

    store = store_of(workspace)
    was = store.tags("dataset").get(name)
    print(f"{name} is {tag_dataset(store, dataset, name).id}" + (f", and was dataset/{was[:12]}" if was else ""))
