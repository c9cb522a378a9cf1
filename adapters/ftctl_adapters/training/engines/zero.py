"""ZeRO of DeepSpeed: optimizer state, gradients and, in stage 3, parameters are sharded."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from ftctl.ports.objective import Batch
from ftctl_adapters.training.engines.engine import Engine
from ftctl_adapters.training.engines.group import Tensors
from ftctl_adapters.training.engines.zero_config import zero_config


class ZeroEngine(Engine):
    """Rajbhandari et al., ZeRO: Memory Optimizations Toward Training Trillion Parameter Models, 2020.

    Tensors and moments are read and written whole and in float32, by DeepSpeed's functions for that; its own
    checkpoints are pickled, and bound to one number of processes.
    """

    sharded = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        if self.group.device.type == "cpu":
            os.environ["DS_ACCELERATOR"] = "cpu"
        import deepspeed

        # what adds up over shared memory is compiled for a minute at the first start, and only inference calls it
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        dtype = next(self.model.parameters()).dtype
        self.module, *_ = deepspeed.initialize(
            model=self.module,
            optimizer=self.optimizer,
            model_parameters=list(self.trained.values()),
            config=zero_config(self.options, str(dtype).removeprefix("torch.")),
            dist_init_required=False,
        )

    @contextlib.contextmanager
    def pass_over(self, *, last: bool) -> Iterator[None]:
        self.module.set_gradient_accumulation_boundary(last)
        yield

    def push(self, loss: Any) -> None:
        self.module.backward(loss, scale_wrt_gas=False)

    def update(self, rate: float) -> float:
        for param_group in self.optimizer.param_groups:
            param_group["lr"] = rate
        self.module.step()
        return float(self.module.get_global_grad_norm())

    def look(self, batch: Batch) -> tuple[Any, dict[str, Any]]:
        found: tuple[Any, dict[str, Any]] = self.module.module(batch)
        return found

    def tensors(self) -> Tensors:
        from deepspeed.utils import safe_get_full_fp32_param

        return self.kept((name, safe_get_full_fp32_param(p)) for name, p in self.trained.items())

    def moments(self) -> tuple[Tensors, dict[str, Any]]:
        from deepspeed.utils import safe_get_full_optimizer_state

        states = list(self.optimizer.state.values())
        keys = [key for key, value in (states[0] if states else {}).items() if value.ndim]
        found = self.kept(
            (f"{name}.{key}", safe_get_full_optimizer_state(p, key)) for name, p in self.trained.items() for key in keys
        )
        found |= {f"{name}.step": states[0]["step"].cpu().clone() for name in self.trained if keys}
        return found, {}

    def put(self, parameter: Any, tensor: Any) -> None:
        from deepspeed import zero
        from deepspeed.utils import safe_set_full_fp32_param

        with zero.GatheredParameters([parameter], modifier_rank=0):
            if parameter.numel():
                parameter.copy_(tensor)
        safe_set_full_fp32_param(parameter, tensor.float())

    def restore(self, moments: Tensors, numbers: dict[str, Any]) -> None:
        from deepspeed.utils import safe_set_full_optimizer_state

        by_name = [(*name.rpartition(".")[::2], value) for name, value in moments.items()]
        steps = [value for _, key, value in by_name if key == "step"]
        if not steps:
            return
        whole = [(owner, key, value) for owner, key, value in by_name if key != "step"]
        self._make_state({key for _, key, _ in whole}, steps[0])
        for owner, key, value in whole:
            safe_set_full_optimizer_state(self.trained[owner], value, key)

    def _make_state(self, keys: set[str], step: Any) -> None:
        """Create the state that the optimizer only makes in its first step, so that it can be loaded."""
        import torch

        zero = self.module.optimizer
        stage_3 = hasattr(zero, "fp32_partitioned_groups_flat")
        for part in zero.fp32_partitioned_groups_flat if stage_3 else zero.single_partition_of_fp32_groups:
            self.optimizer.state[part] = {key: torch.zeros_like(part) for key in keys} | {"step": step.clone()}
        if not stage_3:
            zero._lazy_init_hp_params_optimizer_state()
