"""Faults of plugins by port: what the application makes of each, and which test of a contract finds it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.broken_plugins.by_port import OWN, all_faults
from tests.broken_plugins.everywhere import faults
from tests.broken_plugins.fault import Fault

HEAD = """# Faults of plugins

Each line is a plugin that is broken in one way. `tests/broken_plugins` generates them, runs each with the application
and against the contract of its port, and compares both with this page: {count} plugins of {ports} ports.

Code of other distributions runs contained. It gets copies of data, cannot end the program, and what it changes in the
process is undone. Its results are checked once, for every port. This is no sandbox: it protects from mistakes, not from
malice.
"""
EVERY = """
## every port

| a plugin that | in a run | contract |
|---|---|---|
"""
ONE = """
## {port}

| a plugin that | in a run | contract |
|---|---|---|
"""
USUAL = "evaluator"
"""The port whose faults stand for those of every port."""


def plugin_faults() -> str:
    """Return the page."""
    parts = [HEAD.format(count=len(all_faults()), ports=len(OWN)), EVERY, *map(_line, faults(USUAL))]
    usual = {(one.name, one.application, one.contract) for one in faults(USUAL)}
    for port, own in OWN.items():
        others = [one for one in faults(port) if (one.name, one.application, one.contract) not in usual]
        parts += [ONE.format(port=port), *map(_line, (*others, *own))]
    return "".join(parts)


def _line(fault: Fault) -> str:
    method = f"{fault.text} (`{fault.method}`)" if fault.method else fault.text
    test = f"`{fault.contract}`" if fault.contract.startswith("test_") else fault.contract
    cells = (method, fault.application, test)
    assert all(cells), f"{fault.name} has an empty cell"
    return f"| {' | '.join(cells)} |\n"
