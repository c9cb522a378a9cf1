"""Choose the engine that ``tuner.engine`` names."""

from typing import Any

from ftctl.errors import ConfigInvalid
from ftctl.ports import Objective
from ftctl_adapters.training.engines.engine import Engine
from ftctl_adapters.training.engines.group import Group
from ftctl_adapters.training.engines.zero_config import user_config
from ftctl_adapters.training.options import TrainingOptions

SHARDED = ("fsdp", "deepspeed")
KEEPS_LAYOUTS = ("single", "ddp")
"""Those whose processes hold all weights for good, and may keep frozen ones in another layout beside them."""

SHARDED_OPTIMIZERS = ("adamw_torch", "sgd")
"""Those whose state has the shape of the parameters, so that it can be divided and put together."""


def make_engine(model: Any, objective: Objective, options: TrainingOptions, group: Group) -> Engine:
    """Return the engine that the options name; for a single process without a group, the plain one."""
    if options.engine == "single" or type(group) is Group:
        return Engine(model, objective, options, group)
    if options.engine == "ddp":
        from ftctl_adapters.training.engines.ddp import DdpEngine

        return DdpEngine(model, objective, options, group)
    if options.engine == "fsdp":
        from ftctl_adapters.training.engines.fsdp import FsdpEngine

        return FsdpEngine(model, objective, options, group)
    from ftctl_adapters.training.engines.zero import ZeroEngine

    return ZeroEngine(model, objective, options, group)


def refuse_unsupported(options: TrainingOptions) -> None:
    """Raise `ConfigInvalid` if the engine cannot do what the other options say."""
    if options.engine == "deepspeed":
        user_config(options.deepspeed)
    if options.engine not in SHARDED:
        return
    if options.fp16:
        raise ConfigInvalid(f"tuner.fp16: engine {options.engine} trains in bf16 or float32")
    if options.optim not in SHARDED_OPTIMIZERS:
        known = ", ".join(SHARDED_OPTIMIZERS)
        raise ConfigInvalid(f"tuner.optim: engine {options.engine} takes {known}, not {options.optim}")
