"""DeepSpeed configuration: a preset or a user's file, completed by the run's options."""

import json
from pathlib import Path
from typing import Any

from ftctl.errors import ConfigInvalid
from ftctl_adapters.training.options import TrainingOptions

_CPU = {"device": "cpu", "pin_memory": False}
PRESETS: dict[str, dict[str, Any]] = {
    "zero2": {"stage": 2},
    "zero3": {"stage": 3},
    "zero2_offload": {"stage": 2, "offload_optimizer": _CPU},
    "zero3_offload": {"stage": 3, "offload_optimizer": _CPU, "offload_param": _CPU},
}
OURS = ("optimizer", "scheduler", "fp16", "bf16", "gradient_clipping", "gradient_accumulation_steps")
"""Sections of a user's file that the run file has keys of its own for."""

AUTO = "auto"
"""What transformers' examples write where the trainer knows better."""


def zero_config(options: TrainingOptions, dtype: str) -> dict[str, Any]:
    """Return DeepSpeed's configuration.

    Args:
        options: of the tuner; ``options.deepspeed`` is a preset or a JSON file.
        dtype: of the weights.

    Raises:
        ConfigInvalid: the file cannot be read, or says what the run file says too.
    """
    theirs = user_config(options.deepspeed)
    return theirs | {
        "train_micro_batch_size_per_gpu": options.per_device_train_batch_size,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": options.max_grad_norm,
        "bf16": {"enabled": dtype == "bfloat16"},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 2**31,
    }


def user_config(named: str) -> dict[str, Any]:
    """Return the sections of a preset or file.

    Raises:
        ConfigInvalid: there is no such file, it is no JSON object, or it says what the run file says.
    """
    if named in PRESETS:
        return {"zero_optimization": PRESETS[named]}
    try:
        document = json.loads(Path(named).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        known = ", ".join(PRESETS)
        raise ConfigInvalid(f"tuner.deepspeed: {named!r} is none of {known}, and no JSON file: {error}") from error
    if not isinstance(document, dict):
        raise ConfigInvalid(f"tuner.deepspeed: {named} must hold a JSON object")
    kept = {key: value for key, value in document.items() if value != AUTO and not _all_auto(value)}
    said = [key for key in OURS if key in kept]
    stage = kept.get("zero_optimization", {}).get("stage")
    if stage not in (1, 2, 3):
        raise ConfigInvalid(f"tuner.deepspeed: {named} must have zero_optimization.stage 1, 2 or 3, not {stage!r}")
    if said:
        raise ConfigInvalid(f"tuner.deepspeed: {named} has {', '.join(said)}, which the run file's own keys say")
    return kept


def _all_auto(section: Any) -> bool:
    """Return True if every value of the section is ``auto``."""
    if not isinstance(section, dict) or not section:
        return False
    if section.get("enabled") in (AUTO, False):
        return True
    return all(value == AUTO or _all_auto(value) or key == "type" for key, value in section.items())
