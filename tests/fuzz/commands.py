"""Command lines, drawn from the options that there are."""

import random
from importlib import import_module
from typing import Any

import click

from ftctl_adapters.cli.main import COMMANDS
from tests.fuzz.odd_values import ODD, misspelt

NEVER = {("env", "create"), ("env", "remove"), ("env", "doctor"), ("plugins", "check"), ("plugins", "new"), ("doctor",)}
"""Commands that build, delete or run for minutes; each has tests of its own."""
PLANNED = {"run", "data", "tune", "evaluate", "compress", "serve"}
"""Commands that run stages unless they only plan."""
WORDS = (
    *("run.yaml", "rows.jsonl", "nosuch.yaml", ".", "lora", "text-metrics", "model/abc", "http://127.0.0.1:9/v1", "x"),
    *("tuner.rank=8", "tuner.rank=", "=", "a.b.c=1", "seed.x=1", "evaluators.9=1", "data_source={", "gates=[{}]"),
    *("dataset/1a2b3c", "1", "-1", "0.5", "all"),
)


def leaves() -> list[tuple[tuple[str, ...], click.Command]]:
    """Return every command with its path."""
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for name in COMMANDS:
        command = import_module(f"ftctl_adapters.cli.{name.replace('-', '_')}").command
        inner = getattr(command, "commands", {})
        found += [((name, one), inner[one]) for one in inner] or [((name,), command)]
    return [(path, command) for path, command in found if path not in NEVER]


def command_line(draw: random.Random) -> list[str]:
    """Return the arguments of a command, some of them odd."""
    path, command = draw.choice(leaves())
    words: list[str] = []
    for parameter in command.params:
        if draw.random() < (0.95 if isinstance(parameter, click.Argument) else 0.25):
            words += _given(draw, parameter)
    if draw.random() < 0.15:
        words.append("--" + misspelt(draw, draw.choice(command.params).name or "x"))
    if path[0] in PLANNED and (path[0] != "data" or path[-1] == "build"):
        words.append("--dry-run")
    line = [*path, *words]
    return [misspelt(draw, line[0]), *line[1:]] if draw.random() < 0.05 else line


def _given(draw: random.Random, parameter: click.Parameter) -> list[str]:
    if isinstance(parameter, click.Option) and parameter.name in ("create_envs", "debug"):
        return []
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return [draw.choice(parameter.opts)]
    value = draw.choice(WORDS) if draw.random() < 0.7 else _text(draw.choice(ODD))
    return [draw.choice(parameter.opts), value] if isinstance(parameter, click.Option) else [value]


def _text(value: Any) -> str:
    return str(value).replace("\0", "")
