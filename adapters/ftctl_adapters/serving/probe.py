"""Replay one golden case against an endpoint, by whichever routes it offers."""

from typing import Any

from attrs import define, field

from ftctl.domain.golden import GoldenCase
from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed
from ftctl_adapters.serving.openai_client import Reply, chat, complete, post

CANDIDATES: dict[str, Any] = {"logprobs": True, "top_logprobs": 5, "return_tokens_as_token_ids": True}


@define
class Probe:
    """Probe of one endpoint; remembers routes that the endpoint does not have."""

    endpoint: Endpoint
    timeout: float
    _unknown: set[str] = field(factory=set, init=False)

    def answer(self, case: GoldenCase) -> Reply:
        """Return the greedy answer, with candidates if the server sends them.

        Raises:
            BackendFailed: it does not answer.
        """
        tools: dict[str, Any] = {"tools": list(case.tools), "tool_choice": "none"} if case.tools else {}
        told: Reply | None = self._try("logprobs", lambda: self._chat(case, tools | CANDIDATES))
        return told or self._chat(case, tools)

    def _chat(self, case: GoldenCase, more: dict[str, Any]) -> Reply:
        return chat(self.endpoint, case.messages, case.max_new_tokens, self.timeout, **more)

    def ids(self, case: GoldenCase) -> tuple[int, ...] | None:
        """Return the server's token ids for the messages; ``None`` if it does not send them."""
        turns = [message.to_openai() for message in case.messages]
        body: dict[str, Any] = {"messages": turns, "add_generation_prompt": True}
        return self._tokenized(body | ({"tools": list(case.tools)} if case.tools else {}))

    def ids_of_text(self, text: str) -> tuple[int, ...] | None:
        """Return the server's token ids for a text, without special tokens added."""
        return self._tokenized({"prompt": text, "add_special_tokens": False})

    def completed(self, case: GoldenCase) -> Reply | None:
        """Return the answer to the rendered text, bypassing the server's chat template."""
        reply: Reply | None = self._try(
            "completions", lambda: complete(self.endpoint, case.rendered, case.max_new_tokens, self.timeout)
        )
        return reply

    def _tokenized(self, body: dict[str, Any]) -> tuple[int, ...] | None:
        root = self.endpoint.url.removesuffix("/v1")
        asked = {"model": self.endpoint.model} | body
        found = self._try("tokenize", lambda: post(f"{root}/tokenize", asked, self.timeout))
        tokens = found.get("tokens") if isinstance(found, dict) else None
        known = isinstance(tokens, list) and tokens and all(isinstance(token, int) for token in tokens)
        return tuple(tokens or ()) if known else None

    def _try(self, what: str, ask: Any) -> Any:
        if what in self._unknown:
            return None
        try:
            return ask()
        except BackendFailed:
            self._unknown.add(what)
            return None
