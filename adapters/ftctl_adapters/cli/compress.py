"""``ftctl compress``."""

from typing import Any

import click

from ftctl_adapters.cli.launch import launch
from ftctl_adapters.cli.options import run_options


@click.command()
@run_options
def command(**given: Any) -> None:
    """Run the stages up to the compressed model and its metrics."""
    launch("compress", True, **given)
