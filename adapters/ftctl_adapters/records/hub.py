"""Find the files of splits in the hub's data set layout."""

import re
from collections.abc import Iterable
from fnmatch import fnmatch
from typing import Any

from ftctl.ports.data_source import DataSourceError

CARD = "README.md"
READABLE = (".jsonl", ".json", ".csv", ".parquet", ".jsonl.gz", ".json.gz", ".csv.gz", ".jsonl.zst")
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---", re.DOTALL)


def split_files(repo: str, names: Iterable[str], card: str, config: str | None, split: str) -> list[str]:
    """Return the files of a split: declared by the card for the config, or named after the split.

    Args:
        repo: its name, for messages.
        names: all files of it, by their places.
        card: content of its README.md; empty if it has none.
        config: one that the card declares; None is the default one, or the first.
        split: its name.

    Raises:
        DataSourceError: no such config or split.
    """
    there = sorted(name for name in names if name.endswith(READABLE))
    declared = _configs(card)
    if config and config not in declared:
        known = ", ".join(declared) or "none are declared"
        raise DataSourceError(f"{repo}: no config {config!r}; there are: {known}")
    if declared:
        name = config or ("default" if "default" in declared else next(iter(declared)))
        if split not in declared[name]:
            raise DataSourceError(f"{repo}: config {name!r} has no split {split!r}; it has "
                                  f"{', '.join(declared[name])}")  # fmt: skip
        patterns = declared[name][split]
        found = [place for place in there if any(fnmatch(place, one) for one in patterns)]
    else:
        found = _called(there, split)
    if not found:
        shown = ", ".join(there[:8]) or "nothing that can be read"
        raise DataSourceError(f"{repo}: no file of the split {split!r}; there is {shown}",
                              next_step="name another: data_source.split_name")  # fmt: skip
    return found


def _called(listed: list[str], split: str) -> list[str]:
    """``train.jsonl``, ``train-00000-of-00002.parquet``, ``data/train/…``; with no name at all, everything trains."""
    word = re.compile(rf"(?:^|[^0-9a-zA-Z]){re.escape(split)}(?:[^0-9a-zA-Z]|$)")
    found = [name for name in listed if word.search(name)]
    any_split = re.compile(r"(?:^|[^0-9a-zA-Z])(?:train|validation|valid|dev|test)(?:[^0-9a-zA-Z]|$)")
    if not found and split == "train" and not any(map(any_split.search, listed)):
        return listed
    return found


def _configs(card: str) -> dict[str, dict[str, list[str]]]:
    """Patterns by config and split, as the card's first lines declare them."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    front = _FRONT_MATTER.match(card)
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
