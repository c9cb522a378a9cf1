"""``openai``: evaluate a model behind an OpenAI-compatible endpoint."""

import os

from ftctl.domain.artifact import Artifact
from ftctl.domain.launch import Endpoint
from ftctl.domain.verdict import Verdict
from ftctl.errors import BackendFailed, UsageError
from ftctl.plugin import option, options
from ftctl.ports import Target, TargetLoader


@options
class OpenaiLoaderOptions:
    """Options of `OpenaiLoader`."""

    key_env: str | None = option(None, help="Name of the environment variable that holds the server's key.")
    concurrency: int = option(8, help="Concurrent requests.", ge=1, le=1024)
    timeout: float = option(120.0, help="Seconds that one answer may take.", gt=0)
    max_error_rate: float = option(
        0.01,
        help="Share of questions that may stay unanswered; above it, no metric is reported.",
        ge=0,
        lt=0.5,
    )
    tokenizer: str | None = option(
        None, help="Folder of the model's tokenizer and chat template; evaluators that score need it."
    )


class OpenaiLoader(TargetLoader):
    """An OpenAI-compatible endpoint, named by the facts of the artifact: its ``url`` and the ``model`` there."""

    def __init__(self, options: OpenaiLoaderOptions) -> None:
        self._options = options

    def load(self, model: Artifact) -> Target:
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer
        from ftctl_adapters.serving.target import EndpointTarget, Link

        given, folder = self._options, self._options.tokenizer or (model.base or model).path
        link = Link(given.concurrency, given.timeout, self._key(), given.max_error_rate)
        return EndpointTarget(self._endpoint(model), link, ChatTokenizer(folder) if folder else None)

    def probe(self, model: Artifact, *, scores: bool) -> Verdict:
        from ftctl_adapters.serving.target import EndpointTarget

        target = self.load(model)
        assert isinstance(target, EndpointTarget)
        return Verdict(target.refusals(scores=scores))

    def _key(self) -> str | None:
        name = self._options.key_env
        if name is not None and name not in os.environ:
            raise UsageError(f"endpoint.key_env: the environment variable {name} is not set")
        return os.environ[name].strip() if name else None

    def _endpoint(self, model: Artifact) -> Endpoint:
        """Return the endpoint; the first listed model, if none is named."""
        from ftctl_adapters.serving.retry import get

        url, name = str(model.facts["url"]).rstrip("/"), str(model.facts["model"])
        try:
            return Endpoint(url, name or str(get(f"{url}/models", self._options.timeout, self._key())["data"][0]["id"]))
        except (OSError, ValueError, LookupError, TypeError) as error:
            said = getattr(error, "reason", None) or getattr(error, "code", None) or type(error).__name__
            text = f"{url} lists no model: {said}"
            raise BackendFailed(text, next_step="is it running? name the model: endpoint.model") from None
