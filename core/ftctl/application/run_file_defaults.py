"""Keys of a run file, and the values of those that are left out."""

from typing import Any

from attrs import frozen


@frozen
class RunFileKey:
    """A key at the top of a run file: its type in words, its default, and what it means in a line."""

    name: str
    type: str
    default: Any
    help: str


BACKEND = "name, or {use: name, …}"

RUN_FILE = (
    RunFileKey("model", "text", None, "Base model: a folder, a hub name (org/name) or builtin:tiny. Required."),
    RunFileKey("model_revision", "text or null", None, "Branch, tag or commit of a hub model."),
    RunFileKey("chat_template", "text or null", None,
               "Jinja file, or a name such as chatml, that takes the place of the model's own chat template."),
    RunFileKey("template_date", "day or null", None,
               "Day that a chat template which asks for the clock is told; null: that on which the run was planned."),
    RunFileKey("add_tokens", "list of texts", [], "Texts that become one token each, before anything else."),
    RunFileKey("data_source", f"{BACKEND}, or a list of them", "pydoc",
               "Where rows come from, with the source's options, split, data_seed and skip_invalid."),
    RunFileKey("data_steps", f"list of {BACKEND}", [], "Operators between the source and the data set."),
    RunFileKey("dataset", "text or null", None, "Data set that is there, by id or tag; then no source is read."),
    RunFileKey("tuner", BACKEND, "lora",
               "How the model learns, with the options of tuner, objective and launcher side by side."),
    RunFileKey("evaluators", f"list of {BACKEND}", ["text-metrics", "perplexity"],
               "What is measured, on the base, tuned and compressed model alike."),
    RunFileKey("compressor", f"{BACKEND}, or none", "none", "How the model becomes smaller."),
    RunFileKey("server", f"{BACKEND}, or none", "none", "What serves the model."),
    RunFileKey("monitors", f"list of {BACKEND}", ["console"], "What watches the run."),
    RunFileKey("endpoint", "{url: …, model: …, key_env: …}", {},
               "Server that is there and is measured; then nothing is tuned."),
    RunFileKey("evaluate_served", "true or false", False, "Measure the model once more behind its server."),
    RunFileKey("gates", "list of {metric: …, …}", [], "Conditions on metrics that end the run where they fail."),
    RunFileKey("environments", "{name: {python: path}}", {}, "Interpreters that backends' jobs run in."),
    RunFileKey("seed", "whole number", 42, "Random seed of the training."),
)  # fmt: skip
"""Every key, in the order of the lifecycle."""

DEFAULTS: dict[str, Any] = {key.name: key.default for key in RUN_FILE if key.name != "model"}
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
