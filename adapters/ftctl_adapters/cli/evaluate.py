"""``ftctl evaluate``."""

from typing import Any

import click

from ftctl_adapters.cli.launch import launch
from ftctl_adapters.cli.options import run_options


@click.command()
@run_options
def command(**given: Any) -> None:
    """Run up to the metrics of base and tuned model."""
    launch("evaluate", True, **given)
