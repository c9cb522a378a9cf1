"""Request bodies in OpenAI's schema."""

from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from ftctl_adapters.serving.chat_message import ChatMessage

ABSENT = (
    *("logprobs", "frequency_penalty", "presence_penalty", "logit_bias"),
    *("min_p", "min_tokens", "stop_token_ids"),
)
"""Fields that change answers, and that this server does not have."""


MOST_LIKELIEST = 20
"""Tokens that are told beside each token of a prompt."""


class StreamOptions(BaseModel):
    """Options of a streamed answer."""

    include_usage: bool = False


class Common(BaseModel):
    """Fields of both kinds of completion; unknown ones are ignored, those that change answers are refused."""

    model: str | None = None
    max_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1)
    stop: str | list[str] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: int | None = 1
    repetition_penalty: float | None = Field(None, gt=0)
    seed: int | None = None
    ignore_eos: bool = False
    logprobs: bool | int | None = None
    min_p: float | None = None
    min_tokens: int | None = None
    stop_token_ids: list[int] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    response_format: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _only_what_is_done(self) -> "Common":
        if self.n not in (None, 1):
            raise ValueError("n: one answer a request")
        asked = ["seed"] if self.seed is not None else []
        absent = [name for name in ABSENT if name not in self.done]
        asked += [name for name in absent if getattr(self, name) not in (None, False, 0, [], {})]
        if (self.response_format or {}).get("type", "text") != "text":
            asked.append("response_format")
        if asked:
            raise ValueError(f"{', '.join(asked)}: this server does not have that")
        return self

    @property
    def may_call(self) -> bool:
        """Return True if calls of tools are read out of the answer."""
        return False

    @property
    def done(self) -> tuple[str, ...]:
        """Fields of `ABSENT` that are respected all the same."""
        return ()

    @property
    def stops(self) -> list[str]:
        """Stop sequences as a list."""
        found = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [text for text in found if text]


class ChatRequest(Common):
    """Body of a chat completion."""

    messages: list[ChatMessage] = Field(min_length=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    tools: list[dict[str, Any]] | None = None
    tool_choice: Literal["none", "auto"] | None = None

    @property
    def may_call(self) -> bool:
        """Return True if calls of tools are read out of the answer."""
        return bool(self.tools) and self.tool_choice != "none"

    @property
    def longest(self) -> int | None:
        """Largest number of new tokens; ``None`` for as many as fit."""
        return self.max_completion_tokens or self.max_tokens


class TokenizeRequest(BaseModel):
    """Either a chat or a text; ``add_special_tokens`` is for texts."""

    model: str | None = None
    messages: list[ChatMessage] | None = None
    prompt: str | None = None
    tools: list[dict[str, Any]] | None = None
    add_generation_prompt: bool = True
    add_special_tokens: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> "TokenizeRequest":
        if (self.messages is None) == (self.prompt is None):
            raise ValueError("either messages or prompt must be given")
        if self.add_special_tokens:
            raise ValueError("add_special_tokens: this server adds none; the chat template writes them")
        return self


class TextRequest(Common):
    """With ``echo`` the prompt comes back with its log-probabilities, and at most one greedy token after it."""

    prompt: str | list[int]
    echo: bool = False
    max_tokens: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _echo_is_for_scores(self) -> "TextRequest":
        if not self.echo:
            if self.max_tokens == 0:
                raise ValueError("max_tokens: 0 is for echo alone")
            return self
        if isinstance(self.logprobs, bool) or self.logprobs is None or not 0 <= self.logprobs <= MOST_LIKELIEST:
            raise ValueError(f"echo: this server has it with logprobs, 0 to {MOST_LIKELIEST}")
        if self.longest > 1 or (self.longest and self.temperature != 0) or self.stream:
            raise ValueError("echo: with max_tokens 0, or 1 at temperature 0, and no stream")
        return self

    @property
    def done(self) -> tuple[str, ...]:
        return ("logprobs",) if self.echo else ()

    @property
    def longest(self) -> int:
        """Largest number of new tokens."""
        return 16 if self.max_tokens is None else self.max_tokens
