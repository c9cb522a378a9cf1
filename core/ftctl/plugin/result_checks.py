"""Checks of what backends return: types by the annotations of their port, counts and ranges."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ftctl.domain.artifact import Draft
from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.launch import LaunchSpec
from ftctl.domain.names import is_name
from ftctl.domain.report import Report
from ftctl.domain.resources import ResourcePlan
from ftctl.domain.sweep import Sweep
from ftctl.domain.verdict import Verdict
from ftctl.errors import PluginBroken
from ftctl.plugin.containment import ADVICE
from ftctl.plugin.report_checks import report_problem
from ftctl.ports.target import Target

RETURNS: dict[str, type] = {
    "fingerprint": str,
    "plan": ResourcePlan,
    "memory": dict,
    "prepare": dict,
    "adapter_config": dict,
    "tune": Draft,
    "sweep": Sweep,
    "labels": list,
    "evaluate": Report,
    "verify": Report,
    "supports": Verdict,
    "supports_adapter": Verdict,
    "probe": Verdict,
    "compress": Draft,
    "launch": LaunchSpec,
    "load": Target,
    "command": tuple,
    "helping": bool,
}
"""By the method of a port."""


def returned(call: Callable[..., Any], name: str, arguments: Iterable[Any], *, foreign: bool, **named: Any) -> Any:
    """Call a bound method of a backend and check its result; ``name`` is the backend's in errors.

    Of our own, which contracts hold to the rest, the type alone is checked.

    Raises:
        PluginBroken: it is of another type than the port says, or holds what cannot be.
    """
    return checked(call(*arguments, **named), call.__name__, name, foreign=foreign)


def checked(value: Any, method: str, owner: str, *, foreign: bool = True) -> Any:
    """Return what a method returned, if its port allows it.

    Raises:
        PluginBroken: it does not.
    """
    wanted = RETURNS.get(method)
    if wanted and not isinstance(value, wanted):
        text = f"{owner}: {method}() returned a {type(value).__name__}, and must return a {wanted.__name__}"
        raise PluginBroken(text, next_step=ADVICE)
    problem = CHECKS[method](value) if foreign and method in CHECKS else ""
    if problem:
        raise PluginBroken(f"{owner}: {method}() returned something impossible: {problem}", next_step=ADVICE)
    return value


def _plan(plan: ResourcePlan) -> str:
    numbers = {name: getattr(plan, name) for name in ("trained_parameters", "total_parameters", "disk")}
    numbers |= {} if plan.steps is None else {"steps": plan.steps}
    wrong = [f"{name} is {value!r}" for name, value in numbers.items() if not _is_count(value)]
    return wrong[0] if wrong else _memory(plan.memory)


def _memory(memory: Any) -> str:
    if not isinstance(memory, dict):
        return f"memory is a {type(memory).__name__}, and must map phases to bytes"
    wrong = [f"memory of {phase!r} is {size!r}" for phase, size in memory.items()
             if not isinstance(phase, str) or not _is_count(size)]  # fmt: skip
    return wrong[0] if wrong else ""


def _draft(draft: Draft) -> str:
    for name in ("kind", "format"):
        if not isinstance(getattr(draft, name), str) or not is_name(getattr(draft, name)):
            return f"{name} is {getattr(draft, name)!r}"
    return "facts are no dict" if not isinstance(draft.facts, dict) else _as_json(draft.facts, "facts")


def _verdict(verdict: Verdict) -> str:
    good = isinstance(verdict.reasons, tuple) and all(isinstance(one, str) and one for one in verdict.reasons)
    return "" if good else f"reasons must be a tuple of sentences, not {verdict.reasons!r}"


def _sweep(sweep: Sweep) -> str:
    try:
        good = all(rate > 0 and math.isfinite(rate) and math.isfinite(loss) for rate, loss in sweep.points)
        return "" if good and sweep.suggested > 0 else "learning rates and losses must be finite numbers above 0"
    except (TypeError, ValueError):
        return "points must be pairs of learning rate and loss"


def _launch(spec: LaunchSpec) -> str:
    if not isinstance(spec.argv, tuple) or not spec.argv or not all(isinstance(part, str) for part in spec.argv):
        return f"argv must be a tuple of texts, not {spec.argv!r}"
    if not isinstance(spec.served_name, str) or not spec.served_name:
        return f"served_name is {spec.served_name!r}"
    if not isinstance(spec.health_path, str) or not spec.health_path.startswith("/"):
        return f"health_path is {spec.health_path!r}"
    given = spec.env.items() if isinstance(spec.env, Mapping) else [(None, None)]
    if not all(isinstance(text, str) for pair in given for text in pair):
        return "env must map text to text"
    timeout = spec.start_timeout
    good = isinstance(timeout, int | float) and math.isfinite(timeout) and timeout > 0
    return "" if good else f"start_timeout is {timeout!r}"


def _labels(labels: list[Any]) -> str:
    return "" if all(isinstance(text, str) for text in labels) else "labels must be texts"


def _command(command: tuple[Any, ...]) -> str:
    return "" if command and all(isinstance(part, str) for part in command) else f"{command!r} is no command"


def _asks(cost: Any) -> str:
    if cost is None:
        return ""
    if not isinstance(cost, EvaluationCost):
        return f"a {type(cost).__name__} is no EvaluationCost"
    wrong = [name for name in ("answers", "split", "longest", "scores") if not _is_count(getattr(cost, name))]
    return f"{wrong[0]} is {getattr(cost, wrong[0])!r}" if wrong else ""


def _as_json(value: Any, name: str) -> str:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        return f"{name} are no JSON: {error}"
    return ""


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


CHECKS: dict[str, Callable[[Any], str]] = {
    "plan": _plan,
    "memory": _memory,
    "prepare": lambda told: _as_json(told, "figures"),
    "adapter_config": lambda config: _as_json(config, "settings"),
    "tune": _draft,
    "compress": _draft,
    "sweep": _sweep,
    "labels": _labels,
    "evaluate": report_problem,
    "verify": lambda report: "",
    "supports": _verdict,
    "supports_adapter": _verdict,
    "probe": _verdict,
    "launch": _launch,
    "command": _command,
    "asks": _asks,
}
"""By the method of a port: returns what is wrong with a result of the right type, or an empty text."""
