"""``ftctl config``."""

import json
from pathlib import Path
from typing import Any

import attrs
import click

from ftctl.application.dataset.mixed import Mixing
from ftctl.application.dataset.row_contract import Rules
from ftctl.application.run_file_defaults import RUN_FILE
from ftctl.application.spec import DataLimits, DataSettings, Gate, RunSpec
from ftctl.errors import ConfigInvalid
from ftctl.plugin.offer import load
from ftctl_adapters.bootstrap import build_app, build_registry
from ftctl_adapters.cli.options import json_option, set_option

UNNAMED = ("target_loader", "verifier")
"""Ports whose backends are picked by the planner, so that no run file names them."""

FILE = click.argument("run_file", required=False, type=click.Path(dir_okay=False, path_type=Path))


@click.group()
def command() -> None:
    """Document, check and show run files."""


@command.command()
@json_option
def schema(as_json: bool) -> None:
    """Print every key of a run file and every option of every backend."""
    document = run_schema()
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
        return
    for section, fields in document.items():
        print(f"\n{section}")
        for field in fields:
            bounds = f" ({field['allowed']})" if field["allowed"] else ""
            print(f"  {field['name']}: {field['type']} = {field['default']!r}{bounds}\n      {field['help']}")


@command.command()
@FILE
@set_option
def validate(run_file: Path | None, settings: tuple[str, ...]) -> None:
    """Check a run file without running it; list all problems, exit code 2 if any."""
    from ftctl.application.chain import build_chain

    spec = _resolve(run_file, settings)
    build_chain(spec, build_registry())
    if spec.lacking:
        raise ConfigInvalid("backends of this run are not installed", details=spec.lacking)
    print(f"valid: run {spec.run_id}")


@command.command()
@FILE
@set_option
def show(run_file: Path | None, settings: tuple[str, ...]) -> None:
    """Print a run file with every default filled in."""
    from ftctl_adapters.config.dump import dump_yaml

    print(dump_yaml(_resolve(run_file, settings).document()), end="")


def run_schema() -> dict[str, list[dict[str, Any]]]:
    """Options by section: the run file itself, then ``port name`` for every backend."""
    top = [{"name": key.name, "type": key.type, "default": key.default, "allowed": "", "help": key.help}
           for key in RUN_FILE]  # fmt: skip
    shared = [*option_rows(DataSettings), *option_rows(DataLimits), *option_rows(Mixing)]
    found = {
        "run file": top,
        "data_source (every one)": shared,
        "gates": option_rows(Gate),
        "data contract": option_rows(Rules),
    }
    for offer in build_registry().offers():
        if offer.port not in UNNAMED:
            found[f"{offer.port} {offer.name}"] = option_rows(load(offer.options))
    return found


def option_rows(kind: type) -> list[dict[str, Any]]:
    """Return one entry an option: name, type, default, allowed values, help."""
    return [
        {
            "name": field.name,
            "type": getattr(field.type, "__name__", str(field.type)),
            "default": None if field.default is attrs.NOTHING else field.default,
            "allowed": _allowed(field.metadata),
            "help": field.metadata["help"] + (" Required." if field.default is attrs.NOTHING else ""),
        }
        for field in attrs.fields(kind)
    ]


def _allowed(metadata: Any) -> str:
    if metadata["choices"]:
        return " | ".join(map(str, metadata["choices"]))
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    return ", ".join(f"{signs[name]} {bound:g}" for name, bound in metadata["bounds"].items())


def _resolve(run_file: Path | None, settings: tuple[str, ...]) -> RunSpec:
    from ftctl.application.resolve import resolve
    from ftctl_adapters.config.compose import compose

    app = build_app(Path(".ftctl").absolute())
    return resolve(compose(run_file, {}, settings), app.registry, app.environments)
