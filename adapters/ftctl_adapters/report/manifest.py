"""Conditions under which figures are reproducible: model, template, data, decoding, seeds, versions."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ftctl.redact import redacted

TEMPLATE = "chat_template.jinja"
MODELS = ("compress", "merge", "tune", "model")
"""Stages that make a model, the last first."""

DECODING = (
    *("max_new_tokens", "temperature", "max_tokens", "samples", "generations"),
    *("epochs", "num_fewshot", "apply_chat_template", "system_instruction"),
)
ABSENT = "none"


def manifest(
    folders: Mapping[str, Path], spec: str, packages: Mapping[str, str], origins: Mapping[str, str]
) -> dict[str, str]:
    """Return the conditions by name; the run file itself is the report's configuration.

    Args:
        folders: of the artifacts, by stage.
        spec: the run file with every option, as it was written.
        packages: versions of what the last evaluation was made with.
        origins: commits of what came from the hub, by its name.
    """
    try:
        told = YAML(typ="safe", pure=True).load(spec) or {}
    except YAMLError:
        told = {}  # a report is worth more than this part of it
    models = [folders[stage] for stage in MODELS if stage in folders]
    seeds = dict(_under(told, lambda key: key == "seed" or key.endswith("_seed")))
    decoding = dict(_under({"evaluators": told.get("evaluators") or []}, lambda key: key in DECODING))
    return {
        "model": models[0].name if models else ABSENT,
        "chat template": _template(models),
        "data set": folders["data"].name if "data" in folders else ABSENT,
        **({"from the hub": "; ".join(f"{name} at {commit}" for name, commit in origins.items())} if origins else {}),
        "decoding": "; ".join(["greedy unless a temperature says otherwise", *_lines(decoding)]),
        "seeds": "; ".join(_lines(seeds)) or ABSENT,
        "versions": ", ".join(f"{name} {version}" for name, version in packages.items()) or ABSENT,
    }


def _template(models: list[Path]) -> str:
    """Return the digest of the chat template of the last model that has one."""
    found = next((folder / TEMPLATE for folder in models if (folder / TEMPLATE).exists()), None)
    return f"sha256 {hashlib.sha256(found.read_bytes()).hexdigest()}" if found else ABSENT


def _under(value: Any, wanted: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Return values of the wanted keys by their paths; a backend stands by its name."""
    if isinstance(value, list):
        names = [(one.get("use") if isinstance(one, dict) else None) or str(n) for n, one in enumerate(value)]
        for number, (name, one) in enumerate(zip(names, value, strict=True)):
            shown = f"{name}[{number}]" if names.count(name) > 1 else name
            yield from _under(one, wanted, f"{place}.{shown}".removeprefix("."))
    for key, one in value.items() if isinstance(value, dict) else ():
        path = f"{place}.{key}".removeprefix(".")
        if wanted(str(key)) and not isinstance(one, dict):
            yield path, one
        else:
            yield from _under(one, wanted, path)


def _lines(told: Mapping[str, Any]) -> list[str]:
    return [redacted(f"{name} {value}") for name, value in told.items() if value is not None]
