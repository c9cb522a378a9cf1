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
    """Run the whole pipeline: data, tune, evaluate, compress, serve, verify.

    RUN_FILE is YAML; every key but `model` is optional. Without it the embedded example runs: a tiny model learns to
    read Python signatures. The same command again resumes the run and skips finished stages.

    \b
    ftctl run --once
    ftctl run my.yaml --tuner lora --set tuner.rank=8
    """
    launch("verify", once, **given)
