"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

workspace_option = click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="FTCTL_WORKSPACE",
    default=Path(".ftctl"),
    show_default=True,
    help="Folder of runs and artifacts.",
)
set_option = click.option(
    "--set", "settings", metavar="PATH=VALUE", multiple=True, help="Any key, e.g. tuner.rank=8; repeatable."
)
cold_option = click.option(
    "--cold",
    is_flag=True,
    help="Start each stage's process anew instead of forking one that has imported its libraries.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print a single JSON document.")


restart_option = click.option(
    "--restart",
    metavar="N",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Restart a crashed server up to N times.",
)
RUN_FILE = click.argument("run_file", required=False, type=click.Path(dir_okay=False, path_type=Path))
RUN_FILE_OR_ARTIFACT = click.argument(
    "run_file", required=False, metavar="[RUN_FILE|ARTIFACT]", type=click.Path(path_type=Path)
)


def run_options(function: F, first: Any = RUN_FILE) -> F:
    """Add the options that describe a run, in the order of the lifecycle, after the ``first`` argument."""
    described = [
        first,
        click.option("--model", help="A folder, a hub name (org/name), or builtin:tiny."),
        click.option("--data-source", metavar="N", help="Data source plugin (jsonl, csv, hub …)."),
        click.option("--tuner", metavar="N", help="Tuner plugin (lora, qlora, full …)."),
        click.option("--evaluator", "evaluators", metavar="N", multiple=True, help="Evaluator plugin; repeatable."),
        click.option("--compressor", metavar="N", help="Compressor plugin, or `none`."),
        click.option("--server", metavar="N", help="Server plugin, or `none`."),
        click.option("--monitor", "monitors", metavar="N", multiple=True, help="Monitor plugin; repeatable."),
        set_option,
        workspace_option,
        click.option("--inline", is_flag=True, help="Run stages in this process, for debugging."),
        cold_option,
        click.option("--create-envs", is_flag=True, help="Build the private environments that the run needs."),
        click.option("--dry-run", is_flag=True, help="Show the plan and stop."),
        json_option,
    ]
    for decorate in reversed(described):
        function = decorate(function)
    return function
