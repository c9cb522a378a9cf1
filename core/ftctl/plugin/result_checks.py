"""Type checks of what backends return, against the annotations of their port."""

from collections.abc import Callable
from typing import Any

from ftctl.domain.artifact import Draft
from ftctl.domain.launch import LaunchSpec
from ftctl.domain.report import Report
from ftctl.domain.resources import ResourcePlan
from ftctl.domain.sweep import Sweep
from ftctl.domain.verdict import Verdict
from ftctl.errors import PluginBroken

RETURNS: dict[str, type] = {
    "fingerprint": str,
    "plan": ResourcePlan,
    "memory": dict,
    "tune": Draft,
    "sweep": Sweep,
    "labels": list,
    "evaluate": Report,
    "verify": Report,
    "supports": Verdict,
    "adapter_config": dict,
    "supports_adapter": Verdict,
    "probe": Verdict,
    "compress": Draft,
    "launch": LaunchSpec,
}
"""By the method of a port."""


def returned(call: Callable[..., Any], owner: str, *arguments: Any, **named: Any) -> Any:
    """Call a bound method of a backend and check the type of its result; ``owner`` names the backend in errors.

    Raises:
        PluginBroken: it is of another type than the port says.
    """
    value, method = call(*arguments, **named), call.__name__
    wanted = RETURNS.get(method)
    if wanted and not isinstance(value, wanted):
        text = f"{owner}: {method}() returned a {type(value).__name__}, and must return a {wanted.__name__}"
        raise PluginBroken(text, next_step="`ftctl plugins check` runs the contract of its port")
    return value
