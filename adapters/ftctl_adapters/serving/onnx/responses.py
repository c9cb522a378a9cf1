"""Response bodies in OpenAI's schema."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

from attrs import field, frozen

from ftctl.domain.tool_call import ToolCall

CALLED = "tool_calls"
"""Reason for which an answer that calls tools ends."""


@frozen
class Shape:
    """Form of an answer's pieces: of a chat, or of a plain completion."""

    model: str
    chat: bool
    id: str = field(factory=lambda: uuid.uuid4().hex)
    created: int = field(factory=lambda: int(time.time()))

    def whole(
        self,
        text: str,
        finish: str,
        used: dict[str, int],
        logprobs: dict[str, Any] | None = None,
        calls: Sequence[ToolCall] = (),
    ) -> dict[str, Any]:
        """Return the answer to a request without streaming; ``calls`` stand behind its text."""
        said: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if self.chat else {"text": text}
        if calls:
            message = {"role": "assistant", "content": text or None, "tool_calls": _listed(calls)}
            said, finish = {"message": message}, CALLED
        kind = "chat.completion" if self.chat else "text_completion"
        return self._reply(kind, [{"index": 0, **said, "logprobs": logprobs, "finish_reason": finish}]) | {
            "usage": used
        }

    def piece(self, text: str, finish: str | None = None, *, first: bool = False) -> dict[str, Any]:
        """Return one event of a stream."""
        delta: dict[str, Any] = ({"role": "assistant"} if first else {}) | ({"content": text} if text or first else {})
        said = {"delta": delta} if self.chat else {"text": text}
        return self._reply(self._streamed, [{"index": 0, **said, "finish_reason": finish}])

    def calling(self, calls: Sequence[ToolCall]) -> dict[str, Any]:
        """Return the event of a stream that tells all calls."""
        listed = [{"index": place, **call} for place, call in enumerate(_listed(calls))]
        return self._reply(self._streamed, [{"index": 0, "delta": {"tool_calls": listed}, "finish_reason": None}])

    def used(self, used: dict[str, int]) -> dict[str, Any]:
        """Return the last event of a stream that asked for usage."""
        return self._reply(self._streamed, []) | {"usage": used}

    @property
    def _streamed(self) -> str:
        return "chat.completion.chunk" if self.chat else "text_completion"

    def _reply(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        prefix = "chatcmpl" if self.chat else "cmpl"
        return {
            "id": f"{prefix}-{self.id}",
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


def _listed(calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
    """Return calls in OpenAI's form, each with an id of its own."""
    return [{"id": f"call_{uuid.uuid4().hex[:24]}", **call.to_openai(as_text=True)} for call in calls]


def usage(prompt: int, made: int) -> dict[str, int]:
    """Return the token counts in OpenAI's form."""
    return {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made}


def failure(message: str, kind: str = "invalid_request_error", code: str | None = None) -> dict[str, Any]:
    """Return the body of an error response."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
