"""``ftctl plugins``."""

import json
from typing import Any

import click

from ftctl.plugin.offer import PORTS, Offer
from ftctl.plugin.registry import Broken, Registry
from ftctl_adapters.bootstrap import build_registry
from ftctl_adapters.cli.options import json_option


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output, nothing else.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Backends: what is there, what is broken."""
    if context.invoked_subcommand is None:
        show(build_registry(), as_json, only_broken=False, port=None)


@command.command("list")
@json_option
@click.option("--broken", "only_broken", is_flag=True, help="Only plugins that cannot be used.")
@click.option("--port", type=click.Choice(PORTS), help="Only backends of this port.")
def list_(as_json: bool, only_broken: bool, port: str | None) -> None:
    """Every backend with its port, distribution, formats and what it needs."""
    show(build_registry(), as_json, only_broken, port)


def show(registry: Registry, as_json: bool, only_broken: bool, port: str | None) -> None:
    offers = [] if only_broken else [_row(offer) for offer in registry.offers(port)]
    broken = [_broken(entry) for entry in registry.broken()]
    if as_json:
        print(json.dumps([*offers, *broken]))
        return
    from ftctl_adapters.cli.tables import print_table

    rows = [[r["port"], r["name"], r["dist"], r["version"], r["status"], r["summary"]] for r in [*offers, *broken]]
    print_table([["port", "name", "dist", "version", "status", "summary"], *rows])


def _row(offer: Offer) -> dict[str, Any]:
    from importlib.util import find_spec

    missing = sorted({need.install for need in offer.needs if find_spec(need.module) is None})
    return {
        "port": offer.port,
        "name": offer.name,
        "dist": offer.dist,
        "version": offer.version,
        "status": "ready" if not missing else f"needs pip install {' '.join(repr(name) for name in missing)}",
        "summary": offer.summary,
        "environment": offer.environment,
        "accepts": list(offer.accepts),
        "produces": list(offer.produces),
        "capabilities": list(offer.capabilities),
    }


def _broken(entry: Broken) -> dict[str, Any]:
    summary = f"{entry.phase}: {entry.error}"
    return {
        "port": "",
        "name": entry.name,
        "dist": entry.dist,
        "version": entry.version,
        "status": "broken",
        "summary": summary,
    }
