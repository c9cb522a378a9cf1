"""Find the files of splits in the hub's data set layout."""

import re
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ftctl.ports.data_source import DataSourceError

READABLE = (".jsonl", ".json", ".csv", ".parquet", ".jsonl.gz", ".json.gz", ".csv.gz", ".jsonl.zst")
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---", re.DOTALL)


def split_files(folder: Path, config: str | None, split: str) -> list[Path]:
    """Return the files of a split: declared by the card for the config, or named after the split.

    Raises:
        DataSourceError: no such config or split.
    """
    there = sorted(path for path in folder.rglob("*") if path.is_file() and path.name.endswith(READABLE))
    declared = _configs(folder / "README.md")
    if config and config not in declared:
        known = ", ".join(declared) or "none are declared"
        raise DataSourceError(f"{folder.name}: no config {config!r}; there are: {known}")
    if declared:
        name = config or ("default" if "default" in declared else next(iter(declared)))
        if split not in declared[name]:
            raise DataSourceError(f"{folder.name}: config {name!r} has no split {split!r}; it has "
                                  f"{', '.join(declared[name])}")  # fmt: skip
        patterns = declared[name][split]
        found = [path for path in there if any(fnmatch(str(path.relative_to(folder)), one) for one in patterns)]
    else:
        found = _called(there, folder, split)
    if not found:
        names = ", ".join(str(path.relative_to(folder)) for path in there[:8]) or "nothing that can be read"
        raise DataSourceError(f"{folder.name}: no file of the split {split!r}; there is {names}",
                              next_step="name another: data_source.split_name")  # fmt: skip
    return found


def _called(paths: Iterable[Path], folder: Path, split: str) -> list[Path]:
    """``train.jsonl``, ``train-00000-of-00002.parquet``, ``data/train/…``; with no name at all, everything trains."""
    listed = list(paths)
    word = re.compile(rf"(?:^|[^0-9a-zA-Z]){re.escape(split)}(?:[^0-9a-zA-Z]|$)")
    found = [path for path in listed if word.search(str(path.relative_to(folder)))]
    any_split = re.compile(r"(?:^|[^0-9a-zA-Z])(?:train|validation|valid|dev|test)(?:[^0-9a-zA-Z]|$)")
    if not found and split == "train" and not any(any_split.search(str(p.relative_to(folder))) for p in listed):
        return listed
    return found


def _configs(card: Path) -> dict[str, dict[str, list[str]]]:
    """Patterns by config and split, as the card's first lines declare them."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    front = _FRONT_MATTER.match(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else None
    try:
        told = YAML(typ="safe", pure=True).load(front[1]) if front else None
    except YAMLError:
        return {}
    configs = told.get("configs") if isinstance(told, dict) else None
    listed = configs if isinstance(configs, list) else []
    return {str(one["config_name"]): _splits(one["data_files"]) for one in listed if _declares(one)}


def _declares(config: Any) -> bool:
    if not isinstance(config, dict) or "config_name" not in config:
        return False
    return isinstance(config.get("data_files"), str | list)


def _splits(files: Any) -> dict[str, list[str]]:
    if isinstance(files, str) or (isinstance(files, list) and all(isinstance(one, str) for one in files)):
        return {"train": _listed(files)}
    return {str(one.get("split", "train")): _listed(one.get("path", [])) for one in files if isinstance(one, dict)}


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value or ()]
