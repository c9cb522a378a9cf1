"""Throughput history: how fast each model answered in this workspace, for the next plan."""

import json
from pathlib import Path

from attrs import evolve

from ftctl.domain.codec import digest, from_plain, to_plain
from ftctl.domain.evaluation_cost import Throughput
from ftctl.whole_file import write_whole


def record_throughput(folder: Path, who: str, pace: Throughput) -> None:
    """Record a model's throughput under the digest of its base, or its name; unmeasured rates keep their old value."""
    before, path = recorded_throughput(folder, who), _path(folder, who)
    known = {name: value for name, value in to_plain(pace).items() if value is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(to_plain(evolve(before, **known))))


def recorded_throughput(folder: Path, who: str) -> Throughput:
    """Return the recorded throughput of a model; empty if there is none or it is unreadable."""
    try:
        found: Throughput = from_plain(json.loads(_path(folder, who).read_text(encoding="utf-8")), Throughput)
        return found
    except (OSError, ValueError, TypeError, LookupError):
        return Throughput()


def _path(folder: Path, who: str) -> Path:
    return folder / f"{digest(who)[:16]}.pace.json"
