"""``ftctl verify``."""

from typing import Any

import click

from ftctl_adapters.cli.launch import launch
from ftctl_adapters.cli.options import run_options


@click.command()
@run_options
def command(**given: Any) -> None:
    """Run up to the server, replay the golden cases against it, and stop it."""
    launch("verify", True, **given)
