"""Write the module of a broken plugin, its manifest, and the contract class that tests it."""

import textwrap
from pathlib import Path

from ftctl.testing.offers import ftctl_offers
from tests.broken_plugins.fault import Fault

MAIN = {
    "data_source": "examples",
    "data_operator": "process",
    "tuner": "tune",
    "evaluator": "evaluate",
    "compressor": "compress",
    "server": "launch",
    "monitor": "emit",
}
CONTRACT = {
    "data_source": "data_source:Source",
    "data_operator": "data_operator:Step",
    "tuner": "tuner:Teach",
    "evaluator": "evaluator:Measure",
    "compressor": "compressor:Press",
    "server": "server:Serve",
    "monitor": "monitor:Watch",
}
"""Classes of ``tests.contract.broken`` with the fixtures of each port's fake."""

MODULE = """
import locale, os, random, signal, sys, tempfile, threading, time, warnings
from attrs import evolve
from ftctl.domain.example import Example, Rejection
from ftctl.domain.outcome import Dropped, Fate
from ftctl.domain.verdict import Verdict
from ftctl.testing.fakes import {port} as fakes
from ftctl.testing.fakes.{port} import {base}Options as Options
{imported}

class Backend(fakes.{base}):
    def __init__(self, options):
{constructor}
        super().__init__(options)

{method}
"""
METHOD = """
    def {name}(self, *given, **named):
        def usual():
            return super(Backend, self).{name}(*given, **named)
{code}
        return usual()
"""
SIGNATURE = """
    def {name}(self):
        return None
"""
MANIFEST = """
from attrs import evolve
from ftctl.plugin import hookimpl
from ftctl.testing.offers import ftctl_offers as usual

@hookimpl
def ftctl_offers():
    (offer,) = [one for one in usual() if (one.port, one.name) == ({port!r}, {name!r})]
    return [evolve(offer, name="odd", factory="{module}:Backend", options="{module}:Options")]
"""


def name_of(port: str, fault: Fault) -> str:
    """Return a name for module and class."""
    return f"odd_{port}_{fault.name}".replace("-", "_")


def write(folder: Path, port: str, fault: Fault) -> str:
    """Write the plugin's module and its manifest into the folder; return the module's name."""
    module, base = name_of(port, fault), fault.base or _fake(port)
    offered = next(one.name for one in ftctl_offers() if one.port == port and one.factory.endswith(f":{base}"))
    inside = textwrap.indent(fault.code, " " * 8)
    constructor, method = "        pass", ""
    if fault.place == "constructor":
        constructor = inside
    elif fault.place == "signature":
        method = SIGNATURE.format(name=fault.method or MAIN[port])
    elif fault.place != "import":
        method = METHOD.format(name=fault.method or MAIN[port], code=inside)
    imported = fault.code if fault.place == "import" else ""
    text = MODULE.format(port=port, base=base, imported=imported, constructor=constructor, method=method)
    (folder / f"{module}.py").write_text(text)
    (folder / f"{module}_manifest.py").write_text(MANIFEST.format(port=port, name=offered, module=module))
    return module


def _fake(port: str) -> str:
    return "Fake" + "".join(part.capitalize() for part in port.split("_"))
