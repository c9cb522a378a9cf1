"""Make ``transformers serve`` honour what a request asks for: sampling, seed, stop texts, and limits that make sense.

The server of transformers 5.24 takes the temperature and answers greedily, since the model's own generation config
decides whether it samples. It sets a seed when a request arrives, and not when its answer is computed. It leaves the
stop text in the answer. It reads calls of tools out of answers to requests that offer none. A request that it does not
expect ends as an error of the server. It makes as many tokens as are asked for, beyond the context of the model and for
a client that has hung up, and one request is answered at a time. It calls a model by its folder.
"""

import threading
from contextvars import ContextVar
from typing import Any

from attrs import frozen

from ftctl_adapters.serving.client_watch import left
from ftctl_adapters.serving.transformers_bodies import problem_of

Stop = str | list[str] | None
_stop: ContextVar[Stop] = ContextVar("stop", default=None)
"""Stop texts of the request that is being answered; each has a task of its own."""
_calls: ContextVar[bool] = ContextVar("calls", default=False)
"""Whether calls of tools are to be read out of its answer."""
REASONED = "</think>"
"""Mark behind which an answer stands."""


@frozen
class AskedModel:
    """A model that sets a request's seed right before it generates, on the thread that does, and stops for nobody."""

    model: Any
    seed: int | None
    gone: threading.Event | None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def generate(self, **inputs: Any) -> Any:
        """Generate as the model does, from the seed; stop at the next token once the client has hung up."""
        import torch
        from transformers import StoppingCriteriaList

        if self.seed is not None:
            torch.manual_seed(self.seed)
        stopping = StoppingCriteriaList([self._stop] if self.gone else [])
        return self.model.generate(**inputs, stopping_criteria=stopping)

    def _stop(self, ids: Any, _scores: Any, **_more: Any) -> Any:
        import torch

        return torch.full((ids.shape[0],), bool(self.gone and self.gone.is_set()), device=ids.device)


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
    GenerateManager.generate_non_streaming = _cut(_bounded(GenerateManager.generate_non_streaming))
    chat_completion.parse_assistant_message = _parsed(chat_completion.parse_assistant_message)
    GenerateManager.generate_streaming = _bounded(GenerateManager.generate_streaming)


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
        from fastapi import HTTPException

        try:
            config = inner(self, body, model_generation_config, **more)
        except (ValueError, TypeError) as error:
            raise HTTPException(status_code=400, detail=str(error)) from error
        asked = {name for name in ("temperature", "top_p") if body.get(name) is not None}
        if asked and body.get("temperature") != 0:
            config.do_sample = True
        # no field of the config: it is not part of what is generated from
        config.request_seed = body.get("seed")
        return config

    return build


def _bounded(inner: Any) -> Any:
    def generate(self: Any, model: Any, processor: Any, inputs: Any, gen_config: Any, **more: Any) -> Any:
        seed = vars(gen_config).pop("request_seed", None)
        gen_config.max_new_tokens = _room(model, inputs, gen_config.max_new_tokens)
        gen_config.sequence_bias = _known(model, gen_config.sequence_bias)
        chosen = AskedModel(model, None if seed is None else int(seed), left.get())
        return inner(self, chosen, processor, inputs, gen_config, **more)

    return generate


def _room(model: Any, inputs: Any, wanted: int) -> int:
    """Return how many tokens may be made: no more than fit behind the prompt.

    Raises:
        HTTPException: none does, or the prompt is empty.
    """
    from fastapi import HTTPException

    count = int(inputs["input_ids"].shape[-1])
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None) or count + wanted
    if not count:
        raise HTTPException(status_code=400, detail="the prompt is empty")
    if count >= context:
        text = f"{count} prompt tokens leave no room for an answer in the context of {context}"
        raise HTTPException(status_code=400, detail=text)
    return min(wanted, int(context) - count)


def _known(model: Any, biases: dict[tuple[int, ...], float] | None) -> dict[tuple[int, ...], float] | None:
    """Return biases as transformers takes them, which refuses whole numbers.

    Raises:
        HTTPException: the model does not have such a token.
    """
    from fastapi import HTTPException

    size = model.config.get_text_config().vocab_size
    strange = sorted({token for tokens in biases or {} for token in tokens if not 0 <= token < size})
    if strange:
        raise HTTPException(status_code=400, detail=f"logit_bias: no token {strange[0]}; the model has {size}")
    return {tokens: float(bias) for tokens, bias in biases.items()} if biases else None


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
