"""Tokenizer and chat template: the only place where text becomes token ids."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Message, Prompt
from ftctl.domain.tool_call import ToolCall
from ftctl.errors import LabelsInvalid
from ftctl.plugin.time_limit import TooSlow, within
from ftctl_adapters.modeling.chat_template import CLOCK, clock_macro, template_day

MARKED = re.compile(r"{%-?\s*generation\b")
RENDER_SECONDS = 30.0
"""How long a chat template may take for one conversation, not counting time without a core."""
SENTINEL = {"sentinel_key": "sentinel_value"}


class ChatTokenizer:
    """Tokenizer loaded from a view folder, offline and without remote code.

    A chat template that asks for the clock is told the day of the run, or the real one with ``today``.
    """

    def __init__(self, folder: str, *, today: bool = False) -> None:
        from transformers import AutoTokenizer

        self.raw: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        self.stop_ids = _stop_ids(Path(folder), self.raw.eos_token_id)
        self.stop_texts = tuple(str(self.raw.decode([token])) for token in sorted(self.stop_ids))
        pad = self.raw.pad_token_id
        self.pad_id: int = pad if pad is not None else min(self.stop_ids, default=0)
        added = self.raw.added_tokens_decoder.values()
        self._form: tuple[str | None, bool] = (None, False)
        day = template_day(Path(folder))
        self._clock = "" if day is None or today else clock_macro(day)
        self.special_tokens = tuple(sorted(str(token) for token in added if token.special and str(token).strip()))

    @staticmethod
    def of(model: Artifact) -> "ChatTokenizer":
        """Return the tokenizer of a model; an adapter's is its base's.

        An adapter's folder holds the same tokenizer files and no ``config.json``, without which transformers may read
        them as another tokenizer: it takes the class from the config.
        """
        return ChatTokenizer((model.base or model).path)

    def render(self, messages: Sequence[Message], *, ask: bool, tools: list[dict[str, Any]] | None = None) -> str:
        """Render the conversation by the chat template; ``ask`` opens the next assistant turn.

        Raises:
            LabelsInvalid: there is no chat template, or it refuses this conversation.
        """
        if self.raw.chat_template is None:
            raise LabelsInvalid(
                "the tokenizer has no chat template, so conversations cannot be rendered",
                next_step="name one: chat_template: FILE, or a name such as chatml; or train on raw text",
            )
        try:
            with within(RENDER_SECONDS):
                text = self._apply(self._turns(messages), tools=tools or None, add_generation_prompt=ask)
        except (Exception, TooSlow) as error:
            raise LabelsInvalid(f"the chat template refuses this conversation: {error}") from error
        return text

    def _apply(self, turns: list[dict[str, Any]], **given: Any) -> str:
        template = self._clock + self.raw.get_chat_template(None, given.get("tools"))
        return str(
            self.raw.apply_chat_template(turns, chat_template=template, tokenize=False, return_dict=False, **given)
        )

    @property
    def dated(self) -> bool:
        """Return True if the chat template asks for the clock."""
        return CLOCK in str(self.raw.chat_template or "")

    def generated(self, messages: Sequence[Message], tools: list[dict[str, Any]]) -> list[tuple[int, int]] | None:
        """Return the characters [start, end) that the template marks by ``{% generation %}``; None if it marks none."""
        if not MARKED.search(str(self.raw.chat_template)):
            return None
        from transformers.utils.chat_template_utils import render_jinja_template

        _, marked = render_jinja_template(
            conversations=[self._turns(messages)],
            tools=tools or None,
            chat_template=self._clock + self.raw.get_chat_template(None, tools or None),
            return_assistant_tokens_mask=True,
            **self.raw.special_tokens_map,
        )
        return [(int(start), int(end)) for start, end in marked[0]]

    def _turns(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        return [message.to_openai() if self._calls_as_text else _as_objects(message) for message in messages]

    @property
    def _calls_as_text(self) -> bool:
        """Return True if the chat template wants arguments of calls as JSON text, and not as an object.

        A template that encodes text once more, or writes an object as Python does, is found by a call with a sentinel.
        """
        template = self.raw.chat_template
        if self._form[0] != str(template):
            self._form = str(template), not self._writes(as_text=False) and self._writes(as_text=True)
        return self._form[1]

    def _writes(self, *, as_text: bool) -> bool:
        """Return True if a call's arguments stand in the rendered text as JSON."""
        call = ToolCall.of("sentinel", SENTINEL).to_openai(as_text=as_text)
        turns: list[dict[str, Any]] = [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
        ]
        try:
            text = self._apply(turns)
        except Exception:  # whatever a template of others raises, this form is none that it takes
            return False
        return json.dumps(SENTINEL, separators=(",", ":")) in "".join(text.split())

    def asked(self, prompt: Prompt) -> list[int]:
        """Return the token ids of a prompt, up to where the model answers or continues."""
        return self.encode(self.render(prompt.messages, ask=True, tools=list(prompt.tools)) + prompt.begun)

    def encode(self, text: str) -> list[int]:
        """Return the token ids of rendered text; special tokens are in the text, none are added."""
        return list(self.raw(text, add_special_tokens=False)["input_ids"])

    def encode_plain(self, text: str) -> list[int]:
        """Return the token ids of plain text, with what the tokenizer puts around it, such as BOS."""
        return list(self.raw(text)["input_ids"])

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Return token ids, and the characters [start, end) of each."""
        encoded = self.raw(text, add_special_tokens=False, return_offsets_mapping=True)
        return list(encoded["input_ids"]), [(int(a), int(b)) for a, b in encoded["offset_mapping"]]

    def decode(self, ids: Sequence[int], *, special: bool = False) -> str:
        """Return the text of generated tokens; special tokens only if asked for."""
        return str(self.raw.decode(list(ids), skip_special_tokens=not special))


def _as_objects(message: Message) -> dict[str, Any]:
    return {"role": message.role, "content": message.content, **message.more}


def _stop_ids(folder: Path, eos: int | None) -> frozenset[int]:
    found: set[int] = set() if eos is None else {eos}
    for name in ("generation_config.json", "config.json"):
        path = folder / name
        value = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id") if path.exists() else None
        found |= set(value) if isinstance(value, list) else {value} if isinstance(value, int) else set()
    return frozenset(found)
