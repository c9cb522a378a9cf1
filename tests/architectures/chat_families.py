"""Chat templates of twenty families, with the tokens that end their answers, and what training makes of each."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen
from tokenizers import AddedToken, Tokenizer

from ftctl.domain.example import Example, Message
from ftctl.domain.tool_call import ToolCall
from ftctl_adapters.modeling.chat_template import SHIPPED
from ftctl_adapters.modeling.reference import BUILTIN

TINY = BUILTIN["builtin:tiny"]
FIXTURES = Path(__file__).with_name("chat_templates")
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
SPECIAL = re.compile(r"<[|｜][^<>{}'\"]{1,30}[|｜]>|</?s>|<(?:start|end)_of_turn>|\[/?INST\]|\[gMASK\]|<sop>")

ONE, EACH = "one sequence", "a sequence an answer"
"""Outcomes; everything else is a part of the reason for which an example is refused."""

NO_REASONING, NO_TOOLS = "leaves out turn 2 (reasoning)", "leaves out turn 2 (tool call)"
NO_CONTENT, NO_PREFIX = "leaves out turn 1", "generation prompt is no prefix of turn"


@frozen
class Family:
    """Template, its stop tokens, and the outcome of each of `CASES` in their order."""

    name: str
    stops: tuple[str, ...]
    system: str
    turns: str
    thinking: str
    tools: str

    @property
    def path(self) -> Path:
        shipped = SHIPPED / f"{self.name}.jinja"
        return shipped if shipped.exists() else FIXTURES / f"{self.name}.jinja"

    def outcomes(self) -> Iterator[tuple[str, str]]:
        """Yield the names of cases and their outcomes."""
        for name in CASES:
            yield name, getattr(self, name)


def user(text: str) -> Message:
    return Message("user", text)


def answer(text: str, reasoning: str = "") -> Message:
    return Message("assistant", text, reasoning=reasoning)


PARAMETERS = {"type": "object", "properties": {"city": {"type": "string", "description": "A city."}}}
TOOL = {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": PARAMETERS}}
CALL = Message("assistant", "", tool_calls=(ToolCall.of("weather", {"city": "Paris"}),))

CASES = {
    "system": Example("s", (Message("system", "Be brief now."), user("Hi there?"), answer("Hello you."))),
    "turns": Example("t", (user("One?"), answer("First answer."), user("Two?"), answer("Second answer."))),
    "thinking": Example(
        "r", (user("One?"), answer("First answer.", "I ponder."), user("Two?"), answer("Second answer.", "I muse."))
    ),
    "tools": Example(
        "c",
        (user("Weather in Paris?"), CALL, Message("tool", "sunny skies", name="weather"), answer("It is sunny.")),
        tools=[TOOL],
    ),
}

CHATML = ("<|im_end|>",)
FAMILIES = (
    Family("qwen2_5", CHATML, ONE, ONE, NO_REASONING, ONE),
    Family("qwen3", CHATML, ONE, EACH, EACH, EACH),
    Family("qwen3_instruct_2507", CHATML, ONE, ONE, NO_REASONING, ONE),
    Family("qwen3_5_think", CHATML, ONE, EACH, EACH, EACH),
    Family("qwen3_5_nothink", CHATML, ONE, EACH, NO_PREFIX, ONE),
    Family("qwen3_vl", CHATML, ONE, ONE, NO_REASONING, ONE),
    Family("deepseek_r1_distill", ("<｜end▁of▁sentence｜>",), ONE, EACH, EACH, NO_TOOLS),
    Family("deepseekv3", ("<｜end▁of▁sentence｜>",), ONE, EACH, EACH, EACH),
    Family("glm4moe", ("<|endoftext|>", "<|user|>", "<|observation|>"), ONE, EACH, EACH, EACH),
    Family("gptoss", ("<|return|>", "<|call|>"), ONE, EACH, EACH, ONE),
    Family("phi3", ("<|end|>", "<|endoftext|>"), ONE, ONE, NO_REASONING, NO_TOOLS),
    Family("phi3_5", ("<|end|>", "<|endoftext|>"), ONE, ONE, NO_REASONING, NO_TOOLS),
    Family("smolvlm", ("<end_of_utterance>",), NO_CONTENT, NO_CONTENT, NO_CONTENT, "refuses this conversation"),
    Family("llama3_like", ("<|eot_id|>",), ONE, ONE, NO_REASONING, ONE),
    Family("gemma_like", ("<end_of_turn>",), "System role not supported", ONE, NO_REASONING, "must alternate"),
    Family("mistral_like", ("</s>",), NO_PREFIX, ONE, NO_REASONING, "Only user and assistant roles"),
    Family("command_like", ("<|END_OF_TURN_TOKEN|>",), ONE, ONE, NO_REASONING, "refuses this conversation"),
    Family("chatml", CHATML, ONE, ONE, NO_REASONING, NO_TOOLS),
    Family("plain", ("</s>",), ONE, ONE, NO_REASONING, "plain has no role tool"),
)


def tokenizer_folder(family: Family, folder: Path) -> Path:
    """Lay out the built-in model's tokenizer with the family's template and special tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER:
        shutil.copyfile(TINY / name, folder / name)
    template = family.path.read_text(encoding="utf-8")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    special = sorted({*SPECIAL.findall(template), *family.stops, "<s>", "</s>"})
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config |= {"bos_token": "<s>", "eos_token": family.stops[0]}
    config.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    stops = [tokenizer.token_to_id(stop) for stop in family.stops]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": stops}))
    return folder
