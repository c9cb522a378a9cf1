"""Common options of backends that ask a language model: endpoint, budget, stored answers."""

from pathlib import Path

from ftctl.plugin import option, options
from ftctl.ports import StageContext
from ftctl_adapters.serving.batch_client import Asker, Service


@options
class AskingOptions:
    """Options of every backend that asks a model, without those for its questions."""

    url_env: str = option(
        help="Name of the environment variable with the endpoint's address, e.g. `http://127.0.0.1:8000/v1`."
    )
    model: str = option(help="The model's name there.")
    key_env: str | None = option(None, help="Name of the environment variable with its key.")
    budget_tokens: int | None = option(
        None, help="Most tokens that the stage may use, by the server's count; null: any number.", ge=1
    )
    timeout_s: float = option(60.0, help="Seconds until a question is asked again.", gt=0)
    cache: str | None = option(
        None, help="Folder of answers, so that nothing is asked twice; null: `answers` of the workspace.", location=True
    )


def asker(options: AskingOptions, context: StageContext, max_tokens: int, temperature: float = 0.0) -> Asker:
    """Return the client of a backend with these options."""
    service = Service(options.url_env, options.model, options.key_env, max_tokens, temperature, options.timeout_s,
                      options.budget_tokens)  # fmt: skip
    folder = Path(options.cache or context.settings.get("answers") or context.work / "answers")
    return Asker(service, folder, context.work / "usage", context.stop_if_cancelled)
