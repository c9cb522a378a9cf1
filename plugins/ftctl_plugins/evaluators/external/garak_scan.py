"""Run garak in its own Python, and report the requested probes and detectors.

Garak itself leaves out what it cannot load and ends with 0, so that somebody has to know what was asked for.
"""

import importlib
import json
import sys
from pathlib import Path


def needed(selections: list[str]) -> dict[str, list[str]]:
    """Return the probes that any selection names, with their detectors; garak itself intersects selections.

    Raises:
        ValueError: one names what garak does not know, or nothing.
    """
    from garak import _config, _plugins, _selection, _spec
    from garak.probes.base import IntentProbe

    _config.load_base_config()
    probes: set[str] = set()
    for selection in selections:
        found = _selection.resolve_spec(_spec.parse_spec_string(selection))
        if not found.selected["probes"]:
            raise ValueError(f"{selection} selects no probe: {found.empty_reason}")
        probes |= set(found.selected["probes"])
    told: dict[str, list[str]] = {}
    for name in sorted(probes):
        _, module, kind = name.split(".")
        known = _plugins.plugin_info(name)
        # which detectors judge a probe of intents is only known once it has asked
        by_intent = issubclass(getattr(importlib.import_module(f"garak.probes.{module}"), kind), IntentProbe)
        detectors = [known["primary_detector"], *known["extended_detectors"]]
        told[f"{module}.{kind}"] = [] if by_intent else [one for one in detectors if one]
    return told


def main(selections: str, place: str, *arguments: str) -> int:
    """Check the selected probes and detectors, then run garak."""
    try:
        told = needed(json.loads(selections))
    except ValueError as error:
        print(error)
        return UNKNOWN
    Path(place).write_text(json.dumps(told), encoding="utf-8")
    from garak import cli

    cli.main([*arguments, "--spec", ",".join(f"probes.{probe}" for probe in told)])
    return 0


UNKNOWN = 64
"""The exit code where garak does not know what was asked for."""

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
