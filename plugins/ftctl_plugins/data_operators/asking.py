"""What operators that ask a language model have in common: whom they ask, and where answers are kept."""

from pathlib import Path
from typing import Any

from ftctl.ports import StageContext
from ftctl_adapters.serving.asking import Asker, Service

URL_HELP = "Name of the environment variable with the endpoint's address, e.g. `http://127.0.0.1:8000/v1`."
KEY_HELP = "Name of the environment variable with its key."
MODEL_HELP = "The model's name there."
BUDGET_HELP = "Most tokens that the stage may use, by the server's count; null: any number."
CACHE_HELP = "Folder of answers, so that nothing is asked twice; null: `answers` of the workspace."
TIMEOUT_HELP = "Seconds until a question is asked again."


def asker(options: Any, context: StageContext, max_tokens: int, temperature: float = 0.0) -> Asker:
    """Who asks for an operator, whose options have the names above."""
    service = Service(options.url_env, options.model, options.key_env, max_tokens, temperature, options.timeout_s,
                      options.budget_tokens)  # fmt: skip
    folder = Path(options.cache or context.settings.get("answers") or context.work / "answers")
    return Asker(service, folder, context.work / "usage", context.stop_if_cancelled)
