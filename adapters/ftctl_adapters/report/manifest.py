"""What has to be the same for figures to be the same: model, template, data, decoding, seeds, versions."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

TEMPLATE = "chat_template.jinja"
MODELS = ("compress", "merge", "tune", "model")
"""Stages that make a model, the last first."""

DECODING = ("max_new_tokens", "temperature", "max_tokens", "samples", "generations")
ABSENT = "none"


def manifest(folders: Mapping[str, Path], spec: str, packages: Mapping[str, str]) -> dict[str, str]:
    """By their names, to be read.

    Args:
        folders: of the artifacts, by stage.
        spec: the run file with every option.
        packages: versions of what the last evaluation was made with.
    """
    told = YAML(typ="safe", pure=True).load(spec) or {}
    models = [folders[stage] for stage in MODELS if stage in folders]
    seeds = dict(_under(told, lambda key: key == "seed" or key.endswith("_seed")))
    decoding = dict(_under({"evaluators": told.get("evaluators") or []}, lambda key: key in DECODING))
    return {
        "model": models[0].name if models else ABSENT,
        "chat template": _template(models),
        "data set": folders["data"].name if "data" in folders else ABSENT,
        "decoding": "; ".join(["greedy unless a temperature says otherwise", *_lines(decoding)]),
        "seeds": "; ".join(_lines(seeds)) or ABSENT,
        "versions": ", ".join(f"{name} {version}" for name, version in packages.items()) or ABSENT,
    }


def _template(models: list[Path]) -> str:
    """Its digest, of the last model that has one."""
    found = next((folder / TEMPLATE for folder in models if (folder / TEMPLATE).exists()), None)
    return f"sha256 {hashlib.sha256(found.read_bytes()).hexdigest()}" if found else ABSENT


def _under(value: Any, wanted: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Values under keys that are wanted, by their places; a backend stands there by its name."""
    if isinstance(value, list):
        for number, one in enumerate(value):
            name = one.get("use", number) if isinstance(one, dict) else number
            yield from _under(one, wanted, f"{place}.{name}".removeprefix("."))
    for key, one in value.items() if isinstance(value, dict) else ():
        path = f"{place}.{key}".removeprefix(".")
        if wanted(str(key)) and not isinstance(one, dict | list):
            yield path, one
        else:
            yield from _under(one, wanted, path)


def _lines(told: Mapping[str, Any]) -> list[str]:
    return [f"{name} {value}" for name, value in told.items() if value is not None]
