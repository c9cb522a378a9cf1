"""Write a run file."""

import io
from typing import Any

from ruamel.yaml import YAML


def dump_yaml(document: dict[str, Any]) -> str:
    """Return the document as block-style YAML that `strict_yaml` reads back to equal values."""
    yaml = YAML()
    yaml.version = None
    yaml.default_flow_style = False
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()
