"""``ftctl env``."""

import json
import re
import subprocess
from typing import Any

import click

from ftctl.errors import BackendFailed, FtctlError, UsageError
from ftctl_adapters.bootstrap import build_registry
from ftctl_adapters.cli.environments import create
from ftctl_adapters.cli.options import json_option
from ftctl_adapters.environments.build import Builder, locked
from ftctl_adapters.environments.environment_folder import EnvironmentFolder, Record, folder_of
from ftctl_adapters.environments.recipe import VARIANTS, Recipe, read_recipe, recipes
from ftctl_adapters.environments.wheel import fingerprint


@click.group(invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Manage private environments: virtual environments of single backends, built from recipes; alone, list them.

    They lie in ~/.local/share/ftctl/environments, or where FTCTL_ENVIRONMENTS says.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_)


@command.command("create")
@click.argument("name")
@click.option("--recreate", is_flag=True, help="Remove what is there first.")
@click.option("--variant", type=click.Choice(VARIANTS), help="Instead of the one that fits this machine.")
@click.option("--uv", is_flag=True, help="Install with uv instead of pip; uv must be on PATH.")
def create_(name: str, recreate: bool, variant: str | None, uv: bool) -> None:
    """Build the environment NAME; an interrupted build continues, a finished one stays."""
    create(name, build_registry(), variant=variant, recreate=recreate, uv=uv)


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List environments of backends, and whether they are built."""
    registry = build_registry()
    known = recipes(registry.offers())
    rows = [_row(name, known) for name in sorted(known)]
    if as_json:
        print(json.dumps(rows))
        return
    from ftctl_adapters.cli.tables import print_table

    cells = [[r["name"], r["variant"], r["state"], f"{r['bytes'] / 1e6:,.0f} MB" if r["bytes"] else "–"] for r in rows]
    summaries = [[*line, row["summary"], row["path"]] for line, row in zip(cells, rows, strict=True)]
    print_table([["name", "variant", "state", "size", "what it is", "where"], *summaries])


@command.command("doctor")
@click.argument("name")
def doctor(name: str) -> None:
    """Show an environment's packages and backends.

    Exit code 2 when it is not there, 6 when what it was built for does not work in it.
    """
    place = folder_of(name)
    record = place.record()
    recipe = read_recipe(name, recipes(build_registry().offers()), record.variant if record else None)
    if record is None:
        raise UsageError(f"the environment {name!r} is {_state(recipe, place, None)}", next_step=_remedy(name))
    asked = subprocess.run(
        [str(place.python), "-I", "-m", "ftctl.worker", "describe"], capture_output=True, text=True, check=False
    )
    Builder().check(recipe, place)
    if asked.returncode:
        text = f"the environment {name!r} cannot be used"
        raise BackendFailed(
            text, next_step=f"{_remedy(name)} --recreate", details=tuple(asked.stderr.splitlines()[-5:])
        )
    told = json.loads(asked.stdout)
    print(f"{name} ({record.variant}): {_state(recipe, place, record)}, Python {told['python']}, {place.path}")
    print(f"packages  {len(record.packages)}, among them {_main_packages(recipe, record)}")
    print(f"backends  {', '.join(offer['name'] for offer in told['offers'] if not offer['missing'])}")


@command.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Delete an environment."""
    place = folder_of(name)
    if not place.path.exists():
        raise UsageError(f"there is no environment {name!r} in {place.path.parent}")
    with locked(place):
        size = place.size()
        place.remove()
    print(f"removed {place.path}, {size / 1e6:,.0f} MB")


def _row(name: str, known: dict[str, str]) -> dict[str, Any]:
    place = folder_of(name)
    record = place.record()
    try:
        recipe = read_recipe(name, known, record.variant if record else None)
        told = {"summary": recipe.summary, "variant": recipe.variant, "state": _state(recipe, place, record)}
    except FtctlError as error:
        told = {"summary": error.what, "variant": "–", "state": "no recipe here"}
    return {
        "name": name,
        **told,
        "bytes": place.size() if place.path.exists() else 0,
        "path": str(place.path),
        "packages": record.packages if record else {},
    }


def _state(recipe: Recipe, place: EnvironmentFolder, record: Record | None) -> str:
    if record is None:
        return "half built" if place.path.exists() else "absent"
    if record.recipe != recipe.digest:
        return "built from another recipe"
    return "ready" if record.ftctl == fingerprint() else "ready, with another ftctl inside"


def _main_packages(recipe: Recipe, record: Record) -> str:
    asked = [re.split("[<>=!~[]", package)[0] for package in recipe.packages]
    names = [*asked, *(name for name in ("torch", "transformers") if name not in asked)]
    return ", ".join(f"{name} {record.packages[name]}" for name in names if name in record.packages)


def _remedy(name: str) -> str:
    return f"run: ftctl env create {name}"
