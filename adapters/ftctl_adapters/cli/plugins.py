"""``ftctl plugins``."""

import json
from pathlib import Path
from typing import Any

import click

from ftctl.plugin.manifest import Broken
from ftctl.plugin.offer import PORTS, Offer
from ftctl.plugin.registry import Registry
from ftctl_adapters.bootstrap import build_registry
from ftctl_adapters.cli import plugins_check, plugins_new
from ftctl_adapters.cli.options import json_option
from ftctl_adapters.environments.local import LocalEnvironments

COLUMNS = ("port", "name", "dist", "version", "environment", "status", "summary")


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print a single JSON document.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List backends and broken plugins, check contracts, and create plugin projects."""
    if context.invoked_subcommand is None:
        show(build_registry(), as_json, only_broken=False, port=None)


@command.command("list")
@json_option
@click.option("--broken", "only_broken", is_flag=True, help="Only plugins that cannot be used.")
@click.option("--port", type=click.Choice(PORTS), help="Only backends of this port.")
def list_(as_json: bool, only_broken: bool, port: str | None) -> None:
    """List backends with port, distribution, formats and needs."""
    show(build_registry(), as_json, only_broken, port)


command.add_command(plugins_new.command)
command.add_command(plugins_check.command)


def show(registry: Registry, as_json: bool, only_broken: bool, port: str | None) -> None:
    """List backends and broken plugins."""
    offers = [] if only_broken else [_row(offer) for offer in registry.offers(port)]
    broken = [_broken(entry) for entry in registry.broken()]
    if as_json:
        print(json.dumps([*offers, *broken]))
        return
    from ftctl_adapters.cli.tables import print_table

    print_table([list(COLUMNS), *([row[column] for column in COLUMNS] for row in [*offers, *broken])])


def _row(offer: Offer) -> dict[str, Any]:
    return {
        "port": offer.port,
        "name": offer.name,
        "dist": offer.dist,
        "version": offer.version,
        "status": _status(offer),
        "summary": offer.summary,
        "environment": offer.environment,
        "accepts": list(offer.accepts),
        "produces": list(offer.produces),
        "capabilities": list(offer.capabilities),
    }


def _status(offer: Offer) -> str:
    environments = LocalEnvironments(Path())
    if environments.find(offer.environment) is None:
        return f"needs ftctl env create {offer.environment}"
    missing = environments.missing(offer.environment, tuple(need.module for need in offer.needs))
    installs = sorted({need.install for need in offer.needs if need.module in missing})
    return "ready" if not installs else f"needs pip install {' '.join(repr(name) for name in installs)}"


def _broken(entry: Broken) -> dict[str, Any]:
    summary = f"{entry.phase}: {entry.error}; {entry.remedy}"
    return {
        "port": "",
        "name": entry.name,
        "dist": entry.dist,
        "version": entry.version,
        "environment": "",
        "status": "broken",
        "summary": summary,
    }
