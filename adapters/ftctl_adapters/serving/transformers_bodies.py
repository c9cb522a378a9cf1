"""Check request bodies for ``transformers serve``, which fails on what it does not expect, or passes over it."""

import json
from inspect import signature
from typing import Any

from pydantic import BaseModel, Field, ValidationError, field_validator

from ftctl_adapters.serving.chat_message import ChatMessage


class _Body(BaseModel):
    """Fields of both kinds of completion; those that are not here are the server's to judge.

    ``generation_config``, which OpenAI's schema does not have, is not taken: it can ask for any work and any memory.
    """

    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    frequency_penalty: float | None = Field(None, gt=-1, le=2)
    seed: int | None = Field(None, ge=0, lt=1 << 63)
    stop: str | list[str] | None = None
    stream: bool | None = None
    n: int | None = None
    logit_bias: dict[int, float] | None = None
    generation_config: None = None

    @field_validator("n")
    @classmethod
    def _one(cls, value: int | None) -> int | None:
        if value not in (None, 1):
            raise ValueError("this server gives one choice a request; ask again for another")
        return value


class _Chat(_Body):
    messages: list[ChatMessage] = Field(min_length=1)
    tools: list[dict[str, Any]] | None = None
    chat_template_kwargs: dict[str, Any] | None = None

    @field_validator("messages")
    @classmethod
    def _readable(cls, value: list[ChatMessage]) -> list[ChatMessage]:
        for one in value:
            assert one.message  # raises for parts that are no text and for broken calls
        return value

    @field_validator("chat_template_kwargs")
    @classmethod
    def _of_the_template(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        from transformers import PreTrainedTokenizerBase

        own = set(value or {}) & set(signature(PreTrainedTokenizerBase.apply_chat_template).parameters)
        if own:
            raise ValueError(f"{', '.join(sorted(own))}: no variable of a template")
        return value


class _Text(_Body):
    prompt: str


def problem_of(body: dict[str, Any]) -> str | None:
    """Return what is wrong with a request that the server would fail on, or answer otherwise than it asks."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
        (_Chat if "messages" in body or "prompt" not in body else _Text).model_validate(body)
    except ValidationError as error:
        found = error.errors()[0]
        where = ".".join(map(str, found["loc"]))
        return f"{where}: {found['msg'].removeprefix('Value error, ')}"
    except UnicodeEncodeError:
        return "half of a surrogate pair, which is no text"
    return None
