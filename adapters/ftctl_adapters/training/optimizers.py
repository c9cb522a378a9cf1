"""Make optimizers by transformers' names, and convert their state to plain tensors and numbers."""

from collections.abc import Callable
from typing import Any

from ftctl_adapters.training.options import TrainingOptions

Groups = list[dict[str, Any]]


def make_optimizer(trained: dict[str, Any], options: TrainingOptions) -> Any:
    """Return the optimizer of ``options.optim``; vectors (biases and norms) have no weight decay.

    Args:
        trained: trained parameters by name.
        options: of the tuner.
    """
    decayed = [p for p in trained.values() if p.ndim > 1]
    plain = [p for p in trained.values() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": options.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return MAKERS[options.optim]([group for group in groups if group["params"]], options)


def make_scaler(model: Any, *, enabled: bool) -> Any:
    """Return the loss scaler of float16 training, or one that does nothing."""
    import torch

    return torch.amp.GradScaler(next(model.parameters()).device.type, enabled=enabled)


def _adamw(groups: Groups, options: TrainingOptions) -> Any:
    import torch

    return torch.optim.AdamW(groups, options.learning_rate, _betas(options), options.adam_epsilon, fused=True)


def _adamw_8bit(groups: Groups, options: TrainingOptions) -> Any:
    from bitsandbytes.optim import AdamW8bit

    return AdamW8bit(groups, options.learning_rate, _betas(options), options.adam_epsilon)


def _lion(groups: Groups, options: TrainingOptions) -> Any:
    from bitsandbytes.optim import Lion32bit

    return Lion32bit(groups, options.learning_rate, _betas(options))


def _adafactor(groups: Groups, options: TrainingOptions) -> Any:
    import torch

    return torch.optim.Adafactor(groups, options.learning_rate)


def _sgd(groups: Groups, options: TrainingOptions) -> Any:
    import torch

    return torch.optim.SGD(groups, options.learning_rate)


def _betas(options: TrainingOptions) -> tuple[float, float]:
    return options.adam_beta1, options.adam_beta2


MAKERS: dict[str, Callable[[Groups, TrainingOptions], Any]] = {
    "adamw_torch": _adamw,
    "adamw_8bit": _adamw_8bit,
    "adafactor": _adafactor,
    "lion_32bit": _lion,
    "sgd": _sgd,
}


def optimizer_state(optimizer: Any, trained: dict[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the state by ``{parameter}.{key}``: tensors, and plain numbers apart from them."""
    tensors, numbers = {}, {}
    for owner, parameter in trained.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            name = f"{owner}.{key}"
            if hasattr(value, "contiguous"):
                # a copy: bitsandbytes shares its tables between parameters, which safetensors does not store
                tensors[name] = value.detach().clone().contiguous()
            elif value is not None:
                numbers[name] = value
    return tensors, numbers


def restore_optimizer(
    optimizer: Any, trained: dict[str, Any], tensors: dict[str, Any], numbers: dict[str, float]
) -> None:
    """Load what `optimizer_state` returned, dtypes included."""
    for name, value in {**tensors, **numbers}.items():
        owner, _, key = name.rpartition(".")
        parameter = trained[owner]
        optimizer.state[parameter][key] = value.to(parameter.device) if name in tensors else value
