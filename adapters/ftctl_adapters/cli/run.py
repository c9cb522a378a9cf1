"""``ftctl run``."""

from typing import Any

import click

from ftctl_adapters.cli.launch import launch
from ftctl_adapters.cli.options import restart_option, run_options


@click.command()
@run_options
@click.option("--once", is_flag=True, help="Stop the server after it was verified.")
@restart_option
def command(once: bool, **given: Any) -> None:
    """Carry a model from data to a verified server.

    RUN_FILE is YAML; every key but `model` may be left out. Without it the embedded default runs: a tiny model that
    learns to read Python signatures. The same command again goes on where it was stopped and skips what is done.

    \b
    ftctl run --once
    ftctl run my.yaml --tuner lora --set tuner.rank=8
    """
    launch("verify", once, **given)
