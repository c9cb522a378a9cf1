"""Which tuner, compressor and server go together: what the planner says, and what was really run."""

import tomllib
from pathlib import Path
from typing import Any

from ftctl.application.chain import build_chain
from ftctl.application.resolve import resolve
from ftctl.domain.interpreter import Interpreter
from ftctl.errors import ConfigInvalid
from ftctl.plugin.offer import Offer
from ftctl.plugin.registry import Registry
from ftctl.testing.fakes import FakeEnvironments

KNOWN = Path(__file__).parent / "reference" / "combinations.toml"
BRIDGES = ("merge", "add-tokens")
"""Compressors that the planner inserts; nobody names them."""

HEAD = """
## tuner × compressor × server

**tested**: carried from data to a verified server by a test of this repository, on the CPU. *fits*: the planner takes
it, and each part was run in another combination. *not run*: the planner takes it, and it could not be run. A format in
a cell: refused when the run is planned, for the stage before produces that, and the next takes other formats.
"""


def matrix(offers: list[Offer]) -> str:
    """One table a server."""
    known = tomllib.loads(KNOWN.read_text(encoding="utf-8"))
    names = {
        port: [o.name for o in offers if o.port == port and o.name not in BRIDGES]
        for port in ("tuner", "compressor", "server")
    }
    parts = [HEAD]
    for server in names["server"]:
        for option in (None, *next(o for o in offers if o.port == "server" and o.name == server).accepts_with):
            compressors = ["none"] if option else ["none", *names["compressor"]]
            parts.append(_table(server, option, names["tuner"], compressors, known))
    return "".join(parts)


def _table(server: str, option: str | None, tuners: list[str], compressors: list[str], known: Any) -> str:
    title = f"{server}, {option}" if option else server
    missing = next((entry["why"] for entry in known["not_run"] if entry.get("server") == server), None)
    idle = {entry["compressor"] for entry in known["not_run"] if "compressor" in entry}
    lines = [f"\n### {title}\n\n", f"Not run: {missing}.\n\n" if missing else ""]
    lines.append(f"| tuner | {' | '.join(compressors)} |\n|{'---|' * (len(compressors) + 1)}\n")
    tested = {(t["tuner"], t["compressor"], t["server"], t.get("option")) for t in known["tested"]}
    for tuner in tuners:
        cells = []
        for compressor in compressors:
            refused = _refused(tuner, compressor, server, option)
            good = "**tested**" if (tuner, compressor, server, option) in tested else "*fits*"
            cells.append(refused or ("*not run*" if missing or compressor in idle else good))
        lines.append(f"| `{tuner}` | {' | '.join(cells)} |\n")
    return "".join(lines)


def _refused(tuner: str, compressor: str, server: str, option: str | None) -> str:
    """The format that the planner does not take; empty where it takes all."""
    registry, environments = Registry(), FakeEnvironments()
    for offer in registry.offers():
        environments.pythons.setdefault(offer.environment, Interpreter("python"))
    document = {
        "model": "builtin:tiny",
        "tuner": tuner,
        "compressor": compressor,
        "server": {"use": server} | ({option: True} if option else {}),
    }
    spec = resolve(document, registry, environments)
    try:
        build_chain(spec, registry)
    except ConfigInvalid as error:
        return f"`{error.details[0].rpartition(' produces ')[2]}`"
    return ""
