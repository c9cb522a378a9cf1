"""Modules that may be imported before a fork: they start no thread and touch no GPU."""

from collections.abc import Iterable

IMPORTS = {
    "torch": ("torch",),
    "transformers": (
        "transformers.modeling_utils",
        "transformers.models.auto.modeling_auto",
        "transformers.models.auto.tokenization_auto",
        "transformers.generation.utils",
    ),
    "peft": ("ftctl_adapters.modeling.eager_bitsandbytes", "peft"),
    "safetensors": ("safetensors.torch",),
    "bitsandbytes": ("ftctl_adapters.modeling.eager_bitsandbytes",),
    "rouge_score": ("rouge_score.rouge_scorer",),
    "sacrebleu": ("sacrebleu",),
    "fastapi": ("fastapi", "openai.types.chat", "openai.types.responses"),
    "uvicorn": ("uvicorn",),
}
"""By the module that a backend says it needs (`Need`); others are left to the jobs themselves."""


def imported_before_a_fork(needed: Iterable[str]) -> tuple[str, ...]:
    """Return the modules that a fork server imports for backends which need these."""
    return tuple(dict.fromkeys(name for need in needed for name in IMPORTS.get(need, ())))
