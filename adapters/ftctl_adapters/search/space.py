"""Search space: metric, budget and parameters in a small YAML file."""

import math
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl.plugin.option_checks import check_options
from ftctl_adapters.config.strict_yaml import read_yaml

VALIDATION_LOSS = "validation_loss"
SUBJECTS = ("tuned", "compressed")
COUNTED = 10_000
"""Most combinations of which it is told which were tried; in a larger space none comes twice by chance."""


@options
class Range:
    """A searched key: a range, or choices."""

    low: float | None = option(None, help="Smallest value.")
    high: float | None = option(None, help="Largest value.")
    log: bool = option(False, help="Search the logarithm of the value.")
    choices: tuple[Any, ...] = option((), help="The values to choose from, instead of a range.")

    @property
    def whole(self) -> bool:
        """Return True if both ends are whole numbers, so that every value is."""
        return all(isinstance(end, int) or float(end).is_integer() for end in (self.low, self.high) if end is not None)

    @property
    def by_integers(self) -> bool:
        """Return True if the values are drawn as integers; a logarithm from below 1 has none."""
        return self.low is not None and self.whole and not (self.log and self.low < 1)

    def values(self) -> list[Any] | None:
        """Return every value there is; ``None`` if there are more than `COUNTED`."""
        if self.choices:
            return list(self.choices)
        low, high = int(self.low or 0), int(self.high or 0)
        return list(range(low, high + 1)) if self.by_integers and high - low < COUNTED else None


@options
class Space:
    """A search space file."""

    metric: str = option(
        VALIDATION_LOSS, help="`validation_loss`, or a metric of `tuned` or `compressed`, e.g. tuned.exact_match."
    )
    direction: str | None = option(
        None, help="Left out: minimize for losses and perplexity, else maximize.", choices=("minimize", "maximize")
    )
    trials: int = option(20, help="Number of trials in all.", ge=1)
    minutes: float | None = option(None, help="No trial is begun after so many minutes.", gt=0)
    seed: int = option(0, help="Random seed.", ge=0)
    parameters: dict[str, Any] = option({}, help="Keys of the run file, each {low, high, log} or {choices}.")

    @property
    def towards(self) -> str:
        """Return `minimize` or `maximize`."""
        lower = any(part in self.metric for part in ("loss", "perplexity", "bits_per"))
        return self.direction or ("minimize" if lower else "maximize")

    @property
    def ranges(self) -> dict[str, Range]:
        """Return the searched keys by their paths in the run file."""
        return {path: Range(**check_options(Range, entry, path)[0]) for path, entry in self.parameters.items()}

    def combinations(self) -> list[dict[str, Any]] | None:
        """Return every combination of values there is; ``None`` if there are more than `COUNTED`."""
        values = {path: given.values() for path, given in self.ranges.items()}
        if math.prod(len(found) if found is not None else COUNTED + 1 for found in values.values()) > COUNTED:
            return None
        return [dict(zip(values, found, strict=True)) for found in product(*(given or [] for given in values.values()))]


def read_space(path: Path) -> Space:
    """Read a search space from a file.

    Raises:
        ConfigInvalid: with every problem of it.
    """
    document = read_yaml(path)
    if not isinstance(document, Mapping):
        raise ConfigInvalid(f"{path}: a search space is a mapping with the key `parameters`")
    values, problems = check_options(Space, document, str(path))
    for key, entry in values.get("parameters", {}).items():
        problems += _range_problems(f"{path}.parameters.{key}", entry)
    if not values.get("parameters"):
        problems.append(f"{path}.parameters: missing; name at least one key of the run file")
    subject, dot, _ = values.get("metric", VALIDATION_LOSS).partition(".")
    if (dot and subject not in SUBJECTS) or (not dot and subject != VALIDATION_LOSS):
        problems.append(f"{path}.metric: must be {VALIDATION_LOSS}, or begin with tuned. or compressed.")
    if problems:
        raise ConfigInvalid(f"{path} has {len(problems)} problem(s)", details=tuple(problems))
    return Space(**values)


def _range_problems(path: str, entry: Any) -> list[str]:
    if not isinstance(entry, Mapping):
        return [f"{path}: must be a mapping like {{low: 1e-5, high: 1e-3, log: true}} or {{choices: [4, 8]}}"]
    values, problems = check_options(Range, entry, path)
    if problems:
        return problems
    given = Range(**values)
    if bool(given.choices) == (given.low is not None or given.high is not None):
        return [f"{path}: needs either low and high, or choices"]
    if not given.choices and (given.low is None or given.high is None or given.low >= given.high):
        return [f"{path}: low must be less than high"]
    if given.log and given.low is not None and given.low <= 0:
        return [f"{path}: low must be more than 0 for a logarithm"]
    return []
