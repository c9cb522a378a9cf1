"""``ftctl data``."""

from typing import Any

import click

from ftctl_adapters.cli.launch import launch
from ftctl_adapters.cli.options import run_options


@click.command()
@run_options
def command(**given: Any) -> None:
    """Build the data set of a run, with its ledger, and stop there."""
    launch("data", True, **given)
