"""``ftctl evaluate``."""

from typing import Any

import click

from ftctl_adapters.cli.launch import launch
from ftctl_adapters.cli.options import run_options


@click.command()
@run_options
@click.option("--endpoint", metavar="URL", help="Evaluate this server; tune nothing.")
@click.option("--served-model", metavar="NAME", help="Model name at the URL; default: the first that it lists.")
def command(endpoint: str | None, served_model: str | None, **given: Any) -> None:
    """Run the stages up to the metrics of base and tuned model, or evaluate a running server.

    \b
    ftctl evaluate my.yaml
    ftctl evaluate my.yaml --endpoint http://127.0.0.1:8000/v1
    """
    told = {"endpoint.url": endpoint, "endpoint.model": served_model}
    if endpoint:
        given["settings"] += ("evaluate_served=false",)
    given["settings"] += tuple(f"{path}={value}" for path, value in told.items() if value is not None)
    launch("evaluate", True, **given)
