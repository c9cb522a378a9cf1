"""Make ``transformers serve`` honour what a request asks for: sampling, seed, stop texts, and limits that make sense.

The server of transformers 5.24 takes the temperature and answers greedily, since the model's own generation config
decides whether it samples. It sets a seed when a request arrives, and not when its answer is computed. It leaves the
stop text in the answer. It reads calls of tools out of answers to requests that offer none. A request with no message
or no token to answer with ends as an error of the server. It calls a model by its folder.
"""

from contextvars import ContextVar
from typing import Any

from attrs import frozen

Stop = str | list[str] | None
_stop: ContextVar[Stop] = ContextVar("stop", default=None)
"""Stop texts of the request that is being answered; each has a task of its own."""
_calls: ContextVar[bool] = ContextVar("calls", default=False)
"""Whether calls of tools are to be read out of its answer."""
REASONED = "</think>"
"""Mark behind which an answer stands."""


@frozen
class SeededModel:
    """A model that sets the seed right before it generates, on the thread that does; otherwise the model itself."""

    model: Any
    seed: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def generate(self, **inputs: Any) -> Any:
        """Generate as the model does, from the seed."""
        import torch

        torch.manual_seed(self.seed)
        return self.model.generate(**inputs)


def install(name: str) -> None:
    """Replace methods of transformers' request handlers for the life of this process.

    Args:
        name: of the model in requests, answers and the list of models; its folder is taken too.
    """
    from transformers.cli.serving import chat_completion
    from transformers.cli.serving.model_manager import ModelManager
    from transformers.cli.serving.utils import BaseHandler, GenerateManager

    kept = BaseHandler._validate_request, BaseHandler._build_generation_config
    BaseHandler._validate_request = _checked(kept[0])
    BaseHandler._build_generation_config = _as_asked(kept[1])
    BaseHandler._resolve_model = _named(BaseHandler._resolve_model, name)
    ModelManager.list_models = _listed(ModelManager.list_models, name)
    GenerateManager.generate_non_streaming = _cut(_seeded(GenerateManager.generate_non_streaming))
    chat_completion.parse_assistant_message = _parsed(chat_completion.parse_assistant_message)
    GenerateManager.generate_streaming = _seeded(GenerateManager.generate_streaming)


def _named(inner: Any, name: str) -> Any:
    def resolve(self: Any, body: dict[str, Any]) -> tuple[str, Any, Any]:
        from fastapi import HTTPException

        asked, folder = body.get("model"), self.model_manager.force_model
        if asked not in (None, name, folder):
            raise HTTPException(status_code=404, detail=f"no model {asked!r} here; it is {name!r}")
        body["model"] = folder
        _, model, processor = inner(self, body)
        return name, model, processor

    return resolve


def _listed(inner: Any, name: str) -> Any:
    def models(self: Any, cache_dir: str | None = None) -> list[dict[str, Any]]:
        return [model | {"id": name} for model in inner(self, cache_dir)]

    return models


def problem_of(body: dict[str, Any]) -> str | None:
    """Return what is wrong with a request that the server would fail on, or answer otherwise than it asks."""
    if "messages" in body and not body["messages"]:
        return "messages: give at least one"
    for name in ("max_tokens", "max_completion_tokens"):
        if body.get(name) is not None and not _is_count(body[name]):
            return f"{name}: must be a whole number of at least 1, not {body[name]!r}"
    if body.get("n") not in (None, 1):
        return "n: this server gives one choice a request; ask again for another"
    return None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _checked(inner: Any) -> Any:
    def validate(self: Any, body: dict[str, Any]) -> None:
        from fastapi import HTTPException

        inner(self, body)
        _calls.set(bool(body.get("tools")) and body.get("tool_choice") != "none")
        problem = problem_of(body)
        if problem:
            raise HTTPException(status_code=400, detail=problem)

    return validate


def _as_asked(inner: Any) -> Any:
    def build(self: Any, body: dict[str, Any], model_generation_config: Any, **more: Any) -> Any:
        config = inner(self, body, model_generation_config, **more)
        asked = {name for name in ("temperature", "top_p") if body.get(name) is not None}
        if asked and body.get("generation_config") is None and body.get("temperature") != 0:
            config.do_sample = True
        # no field of the config: it is not part of what is generated from
        config.request_seed = body.get("seed")
        return config

    return build


def _seeded(inner: Any) -> Any:
    def generate(self: Any, model: Any, processor: Any, inputs: Any, gen_config: Any, **more: Any) -> Any:
        seed = vars(gen_config).pop("request_seed", None)
        chosen = model if seed is None else SeededModel(model, int(seed))
        return inner(self, chosen, processor, inputs, gen_config, **more)

    return generate


def _cut(inner: Any) -> Any:
    async def generate(self: Any, model: Any, processor: Any, inputs: Any, gen_config: Any, **more: Any) -> Any:
        text, count, ids = await inner(self, model, processor, inputs, gen_config, **more)
        _stop.set(gen_config.stop_strings)
        return before_stop(text, gen_config.stop_strings), count, ids

    return generate


def _parsed(inner: Any) -> Any:
    """Correct what the server reads out of the token ids, where it knows how the model marks its answers.

    It is cut once more. Calls of tools are text where the request offers no tools, or wants no calls. So is a call that
    the model broke off or misspelt, on which transformers ends with an error.
    """

    def parse(*given: Any, cleaned_content: str, **more: Any) -> Any:
        try:
            content, reasoning, calls = inner(*given, cleaned_content=cleaned_content, **more)
        except (ValueError, KeyError, TypeError):
            content, reasoning, calls = cleaned_content, None, None
        if calls and not _calls.get():
            content, calls = cleaned_content.rpartition(REASONED)[2].lstrip() if reasoning else cleaned_content, None
        return before_stop(content, _stop.get()), reasoning, calls

    return parse


def before_stop(text: str, stop: Stop) -> str:
    """Return the text before the first stop text; all of it where none is in it."""
    texts = [stop] if isinstance(stop, str) else stop or []
    places = [place for one in texts if one and (place := text.find(one)) >= 0]
    return text[: min(places)] if places else text
