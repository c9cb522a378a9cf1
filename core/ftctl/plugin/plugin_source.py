"""Digest of a plugin's files, so that results of an edited plugin are not taken for those of the one before."""

import hashlib
import json
from importlib.metadata import Distribution
from importlib.util import find_spec
from pathlib import Path

MOST_FILES = 5000
"""Files of a plugin that are read; more of them are no plugin's own."""


def plugin_source(dist: Distribution, module: str) -> str:
    """Return a digest of what a distribution installed, or of the package it is developed in; empty if unknown.

    Args:
        dist: that offers the plugin.
        module: of its manifest.
    """
    if _is_edited(dist):
        return _of_tree(module)
    # name, hash and size of each file; scripts and caches differ between machines, and hold nothing of the plugin
    lines = (dist.read_text("RECORD") or "").splitlines()
    own = sorted(one for one in lines if ".dist-info/" not in one and not one.startswith("..") and ",sha256=" in one)
    return _digest("\n".join(own).encode()) if own else _of_tree(module)


def _is_edited(dist: Distribution) -> bool:
    try:
        told = json.loads(dist.read_text("direct_url.json") or "{}")
        return bool(told.get("dir_info", {}).get("editable"))
    except (ValueError, AttributeError):
        return False


def _of_tree(module: str) -> str:
    try:
        found = find_spec(module.partition(".")[0])
    except (ImportError, ValueError, AttributeError):
        return ""
    if found is None:
        return ""
    files = [Path(found.origin or "")]
    if found.submodule_search_locations:
        files = sorted(path for place in found.submodule_search_locations for path in Path(place).rglob("*.py"))
    digest = hashlib.sha256()
    for path in files[:MOST_FILES]:
        try:
            digest.update(f"{path.name}\0".encode(errors="replace") + path.read_bytes())
        except OSError:
            continue
    return digest.hexdigest()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
