"""Keys of a run file, and the values of those that are left out."""

from typing import Any

DEFAULTS: dict[str, Any] = {
    "model_revision": None,
    "chat_template": None,
    "template_date": None,
    "add_tokens": [],
    "data_source": "pydoc",
    "data_steps": [],
    "dataset": None,
    "tuner": "lora",
    "evaluators": ["text-metrics", "perplexity"],
    "compressor": "none",
    "server": "none",
    "monitors": ["console"],
    "endpoint": {},
    "evaluate_served": False,
    "gates": [],
    "environments": {},
    "seed": 42,
}
"""Value of a key that is left out."""

DEFAULT_OBJECTIVE = "sft"
EXTENDER = "add-tokens"
ASKER = "openai"
"""Target loader of a server that is evaluated."""

UNTUNED = "builtin:tiny"
"""Model of a run that tunes none."""

LOCAL = "local"
"""Engine of the data stage where none is named."""

SINGLE, SEVERAL = "single", "torchrun"
"""Launchers of a single-process engine, and of others, where none is named."""

KEYS = ("model", *DEFAULTS)
ABSENT = (None, "none", False)
"""Values of a key that mean nothing is wanted."""
NO_ENDPOINT: tuple[Any, ...] = (*ABSENT, {})
