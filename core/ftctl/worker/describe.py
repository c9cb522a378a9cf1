"""``python -m ftctl.worker describe``: the backends of this interpreter, and which of their modules it lacks."""

import json
import platform
from importlib.util import find_spec
from typing import Any

from ftctl import __version__
from ftctl.plugin.registry import Registry


def describe() -> str:
    """Return the description as a JSON object, without importing the modules."""
    return json.dumps({"ftctl": __version__, "python": platform.python_version(), "offers": _offers()})


def _offers() -> list[dict[str, Any]]:
    return [
        {
            "port": offer.port,
            "name": offer.name,
            "environment": offer.environment,
            "missing": [need.module for need in offer.needs if find_spec(need.module) is None],
        }
        for offer in Registry().offers()
    ]
