"""Advice for a job that ran out of memory: the options of this job that lower its peak, with their values."""

from ftctl.domain.job import Job

FREE = "free memory, or take a smaller model"


def memory_advice(job: Job) -> str:
    """Return what to change so that the job needs less memory, named as in a run file."""
    if job.operation == "dataset":
        return _joined([_lower("data_source.memory_mb", job.settings.get("memory_bytes", 0) >> 20, 16)])
    if job.operation == "evaluate":
        lengths = [_lower(f"evaluators.{one.name}.max_new_tokens", one.options.get("max_new_tokens"), 1)
                   for one in job.plugins]  # fmt: skip
        return _joined(lengths)
    if job.operation not in ("tune", "sweep", "prepare"):
        return FREE
    options = job.plugins[0].options if job.plugins else {}
    steps = [
        _lower("tuner.per_device_train_batch_size", options.get("per_device_train_batch_size"), 1),
        _lower("tuner.max_length", options.get("max_length"), 8),
        "set tuner.gradient_checkpointing: true" if options.get("gradient_checkpointing") is False else "",
    ]
    return _joined(steps)


def _lower(path: str, value: object, least: int) -> str:
    """Return the advice to lower an option; empty if it has the least value, or no such option is there."""
    return f"lower {path} (now {value})" if isinstance(value, int) and value > least else ""


def _joined(steps: list[str]) -> str:
    return ", ".join([*filter(None, steps), FREE])
