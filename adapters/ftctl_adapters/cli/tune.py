"""``ftctl tune``."""

from typing import Any

import click

from ftctl.application.preview import Preview
from ftctl_adapters.cli.launch import launch
from ftctl_adapters.cli.options import run_options


@click.command()
@run_options
@click.option("--show-labels", type=click.IntRange(1), metavar="N", help="Print N examples, trained tokens in ⟦ ⟧.")
@click.option("--find-lr", is_flag=True, help="Run a learning-rate range test and suggest a rate.")
def command(show_labels: int | None, find_lr: bool, **given: Any) -> None:
    """Run the data and tune stages, or only show labels, or a learning-rate sweep."""
    if show_labels and find_lr:
        raise click.UsageError("--show-labels and --find-lr are two different looks; give one")
    if show_labels:
        launch("preview", True, Preview("labels", {"count": show_labels}), **given)
    elif find_lr:
        launch("preview", True, Preview("sweep"), **given)
    else:
        launch("tune", True, **given)
