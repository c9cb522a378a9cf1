"""``ftctl tune``."""

from typing import Any

import click

from ftctl_adapters.cli.launch import launch
from ftctl_adapters.cli.options import run_options


@click.command()
@run_options
@click.option("--show-labels", type=click.IntRange(1), metavar="N", help="Print N examples, trained tokens in ⟦ ⟧.")
def command(show_labels: int | None, **given: Any) -> None:
    """Run up to the tuned model, or only show what would be trained."""
    if show_labels:
        launch("labels", True, labels=show_labels, **given)
    else:
        launch("tune", True, **given)
