"""The training engine: loop, order, loss, checkpoints. What every tuner over torch shares.

The names here are for tuners of others too; what lies in the modules below may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftctl_adapters.training.engine_tuner import EngineTuner, PeftTuner, WholeModelTuner
    from ftctl_adapters.training.options import TrainingOptions

__all__ = ["EngineTuner", "PeftTuner", "TrainingOptions", "WholeModelTuner"]


def __getattr__(name: str) -> Any:
    """Found when it is asked for: the modules of the engine import one another, and this package with each."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "options" if name == "TrainingOptions" else "engine_tuner"
    return getattr(import_module(f"{__name__}.{home}"), name)
