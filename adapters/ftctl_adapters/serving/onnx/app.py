"""HTTP routes of the server."""

import json
import time
import traceback
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

from attrs import frozen
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ftctl.errors import LabelsInvalid
from ftctl_adapters.modeling.answer_calls import split_calls
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.serving.chat_message import ChatMessage
from ftctl_adapters.serving.onnx.answer import Answer
from ftctl_adapters.serving.onnx.disconnect import unless_gone
from ftctl_adapters.serving.onnx.engine import Engine, Full
from ftctl_adapters.serving.onnx.metrics import Gauges
from ftctl_adapters.serving.onnx.requests import ChatRequest, Common, TextRequest, TokenizeRequest
from ftctl_adapters.serving.onnx.responses import CALLED, Shape, failure, usage
from ftctl_adapters.serving.onnx.scorer import Scorer
from ftctl_adapters.serving.onnx.turn import Sampling

FAILED = "the engine failed at this request"
BodyT = TypeVar("BodyT", Common, ChatRequest, TextRequest, TokenizeRequest)


DEFAULTS: dict[str, float] = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0}


class Refused(Exception):
    """Raised for a request that is answered with an error."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code = status, code

    def response(self) -> Response:
        """Return the error in OpenAI's form."""
        kind = "invalid_request_error" if self.status < 429 else "server_busy"
        headers = {"Retry-After": "1"} if self.status == 429 else None
        return JSONResponse(failure(str(self), kind, self.code), self.status, headers)


@frozen
class Service:
    """State of the routes: model and ``defaults``, the sampling settings of its generation config."""

    name: str
    tokenizer: ChatTokenizer
    engine: Engine
    scorer: Scorer
    gauges: Gauges
    context: int
    defaults: dict[str, Any]

    def app(self) -> Starlette:
        """Return the ASGI application."""
        routes = [
            Route("/health", self.health),
            Route("/metrics", self.metrics),
            Route("/v1/models", self.models),
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/v1/completions", self.complete, methods=["POST"]),
            Route("/tokenize", self.tokenize, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={Refused: _refuse, ClientDisconnect: _nobody})

    async def health(self, request: Request) -> Response:
        """``GET /health``: 200 while the engine lives."""
        return Response(status_code=200 if self.engine.alive else 503)

    async def metrics(self, request: Request) -> Response:
        """``GET /metrics`` in Prometheus' text format."""
        return Response(self.gauges.page(), media_type="text/plain; version=0.0.4")

    async def models(self, request: Request) -> Response:
        """``GET /v1/models``."""
        model = {"id": self.name, "object": "model", "created": int(time.time()), "owned_by": "ftctl"}
        return JSONResponse({"object": "list", "data": [model | {"max_model_len": self.context}]})

    async def tokenize(self, request: Request) -> Response:
        """``POST /tokenize``: the ids of a chat or a text, in vLLM's schema."""
        body = await self._body(request, TokenizeRequest)
        if body.prompt is not None:
            ids = self.tokenizer.encode(body.prompt)
        else:
            ids = self._chat_ids(body.messages or [], body.tools, ask=body.add_generation_prompt)
        return JSONResponse({"count": len(ids), "max_model_len": self.context, "tokens": ids})

    async def chat(self, request: Request) -> Response:
        """``POST /v1/chat/completions``."""
        body = await self._body(request, ChatRequest)
        ids = self._chat_ids(body.messages, body.tools)
        return await self._answered(request, body, ids, body.longest, chat=True)

    async def complete(self, request: Request) -> Response:
        """``POST /v1/completions``."""
        body = await self._body(request, TextRequest)
        ids = self.tokenizer.encode(body.prompt) if isinstance(body.prompt, str) else body.prompt
        if not all(0 <= token < len(self.tokenizer.raw) for token in ids):
            raise Refused(400, "prompt: there are ids beyond the vocabulary")
        if body.echo:
            return await self._scored(request, body, ids)
        return await self._answered(request, body, ids, body.longest, chat=False)

    async def _body(self, request: Request, kind: type[BodyT]) -> BodyT:
        try:
            body = kind.model_validate_json(await request.body())
        except ValidationError as error:
            found = error.errors()[0]
            where = ".".join(map(str, found["loc"]))
            raise Refused(400, f"{where}: {found['msg']}".removeprefix(": ")) from None
        if body.model not in (None, self.name):
            raise Refused(404, f"no model {body.model!r} here; it is {self.name!r}", "model_not_found")
        return body

    def _chat_ids(self, turns: list[ChatMessage], tools: list[dict[str, Any]] | None, *, ask: bool = True) -> list[int]:
        try:
            messages = [turn.message for turn in turns]
            return self.tokenizer.encode(self.tokenizer.render(messages, ask=ask, tools=tools))
        except (LabelsInvalid, ValueError) as error:
            raise Refused(400, str(error)) from error

    async def _answered(
        self, request: Request, body: Common, ids: list[int], longest: int | None, *, chat: bool
    ) -> Response:
        room = self._room(ids, longest or 1)
        try:
            answer = Answer(self.engine, self.gauges, ids, self._sampling(body, longest or room))
        except Full:
            raise _full() from None
        shape = Shape(self.name, chat)
        if body.stream:
            return StreamingResponse(self._streamed(answer, body, shape, len(ids)), media_type="text/event-stream")
        text = await unless_gone(request, self._whole(answer, body))
        if answer.finish == "error":
            return JSONResponse(failure(FAILED, "server_error"), 500)
        text, calls = split_calls(text) if body.may_call else (text, ())
        return JSONResponse(shape.whole(text, answer.finish, usage(len(ids), answer.made), calls=calls))

    async def _scored(self, request: Request, body: TextRequest, ids: list[int]) -> Response:
        self._room(ids, body.longest)
        try:
            work = self.scorer.score(ids, int(body.logprobs or 0), make=body.longest > 0)
            scored = await unless_gone(request, work)
        except Full:
            raise _full() from None
        except (RuntimeError, IndexError, MemoryError):
            # the runtime's own, an id that it has no logits of, or logits of a prompt that is too long for this machine
            traceback.print_exc()
            return JSONResponse(failure(FAILED, "server_error"), 500)
        self.gauges.requests.labels("scored").inc()
        self.gauges.prompt_tokens.inc(len(ids))
        decode = self.tokenizer.raw.decode
        used = usage(len(ids), scored.made)
        return JSONResponse(
            Shape(self.name, chat=False).whole(decode(scored.ids), "length", used, scored.document(decode))
        )

    def _room(self, ids: Sequence[int], longest: int) -> int:
        """Return the number of tokens that fit after the prompt, at most ``longest``."""
        if not ids:
            raise Refused(400, "the prompt is empty")
        room = self.context - len(ids)
        if room < max(longest, 1):
            behind = max(longest, 1)
            text = f"{len(ids)} prompt tokens and {behind} behind them are more than the context of {self.context}"
            raise Refused(400, text, "context_length_exceeded")
        return room

    async def _whole(self, answer: Answer, body: Common) -> str:
        return "".join([piece async for piece in answer.pieces(self.tokenizer.raw, body.stops)])

    async def _at_once(self, answer: Answer, body: Common) -> AsyncIterator[str]:
        yield await self._whole(answer, body)

    async def _streamed(self, answer: Answer, body: Common, shape: Shape, prompt: int) -> AsyncIterator[str]:
        if shape.chat:
            yield _event(shape.piece("", first=True))
        # what calls a tool is known at its end
        pieces = self._at_once(answer, body) if body.may_call else answer.pieces(self.tokenizer.raw, body.stops)
        called = False
        async for piece in pieces:
            text, calls = split_calls(piece) if body.may_call else (piece, ())
            called = called or bool(calls)
            if text:
                yield _event(shape.piece(text))
            if calls:
                yield _event(shape.calling(calls))
        if answer.finish == "error":
            yield _event(failure(FAILED, "server_error"))
            return
        yield _event(shape.piece("", CALLED if called else answer.finish))
        if body.stream_options and body.stream_options.include_usage:
            yield _event(shape.used(usage(prompt, answer.made)))
        yield "data: [DONE]\n\n"

    def _sampling(self, body: Common, longest: int) -> Sampling:
        told = {name: value for name in DEFAULTS if (value := getattr(body, name)) is not None}
        chosen = DEFAULTS | self.defaults | told
        return Sampling(
            max_tokens=longest,
            min_tokens=longest if body.ignore_eos else 0,
            temperature=float(chosen["temperature"]),
            top_p=float(chosen["top_p"]),
            top_k=min(max(int(chosen["top_k"]), 0), len(self.tokenizer.raw)),
            repetition_penalty=float(chosen["repetition_penalty"]),
        )


def _full() -> Refused:
    return Refused(429, "too many requests are waiting; try again later", "queue_full")


def _event(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n"


async def _nobody(_: Request, __: Exception) -> Response:
    return Response(status_code=499)


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.response()
