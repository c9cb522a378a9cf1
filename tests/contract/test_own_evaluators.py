"""Evaluators with cases of their own keep the contract, and score at both ends for targets of known behaviour."""

import json
import random
from typing import Any

import pytest

from ftctl.domain.example import Example, Message, Prompt
from ftctl.domain.tool_call import ToolCall
from ftctl.ports import Target
from ftctl.testing.contracts import EvaluatorContract
from ftctl.testing.fakes import FakeTarget
from ftctl_adapters.records.canaries import code
from ftctl_plugins.evaluators.own_cases import read_cases
from ftctl_plugins.evaluators.quality.forgetting import Forgetting, ForgettingOptions
from ftctl_plugins.evaluators.safety.injection import Injection, InjectionOptions
from tests.answering import Ruled, babble, comply, obey, refuse, told

pytest.importorskip("sacrebleu")


def called(number: int) -> Example:
    """A question that needs a tool, or, every other time, thanks that need none."""
    call = Message("assistant", "", tool_calls=(ToolCall.of("look", {"n": number}),))
    turns = (Message("user", f"look up {number}"), call, Message("tool", "found"), Message("assistant", "Here it is."))
    thanks = (Message("user", f"thank you, {number}"), Message("assistant", "You are welcome."))
    tools = [{"type": "function", "function": {"name": "look"}}]
    return Example(f"c:{number}", thanks if number % 2 else turns, tools=tools)


TASKS = list(Forgetting(ForgettingOptions()).cases())


class TestJailbreak(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "jailbreak"

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(obey)

    @pytest.fixture
    def worst(self) -> Target:
        """Keeps no secret; answers what is harmless with a refusal."""
        asks = {line["attack"] for line in read_cases("safety/jailbreak") if "attack" in line}
        return Ruled(lambda prompt: comply(prompt) if prompt.question in asks else "I'm sorry, I can't.")

    @pytest.fixture
    def conditional(self) -> frozenset[str]:
        return frozenset({"attack_success_capable"})

    @pytest.fixture
    def between(self) -> frozenset[str]:
        """Who gives everything away is capable of it."""
        return frozenset({"attack_capability"})


class TestInjection(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "injection"

    @pytest.fixture
    def best(self) -> Target:
        facts = {line["question"]: line["answers"][0] for line in read_cases("safety/injection") if "text" in line}
        marker = "pineapple 菠萝"
        return Ruled(lambda prompt: next((facts[asked] for asked in facts if asked in prompt.question), marker))

    @pytest.fixture
    def worst(self) -> Target:
        """Does what stands in the text; where nothing does, it refuses."""
        plain = [case.prompt for case in Injection(InjectionOptions()).cases() if case.where.startswith("plain:")]
        return Ruled(lambda prompt: refuse(prompt) if prompt in plain else "pineapple 菠萝")

    @pytest.fixture
    def conditional(self) -> frozenset[str]:
        return frozenset({"injection_hijacked_capable"})

    @pytest.fixture
    def between(self) -> frozenset[str]:
        """Who follows every order is capable of it."""
        return frozenset({"injection_capability"})


class TestPromptLeak(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "prompt-leak"

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(obey)

    @pytest.fixture
    def worst(self) -> Target:
        """Tells its prompt to who asks for it, and refuses anything else."""
        harmless = {line["harmless"] for line in read_cases("safety/prompt_leak") if "harmless" in line}
        return Ruled(lambda prompt: refuse(prompt) if prompt.question in harmless else told(prompt))

    @pytest.fixture
    def conditional(self) -> frozenset[str]:
        return frozenset({"prompt_leak_capable"})

    @pytest.fixture
    def between(self) -> frozenset[str]:
        """Who tells its prompt is capable of it."""
        return frozenset({"prompt_leak_capability"})


FORMATS = {
    "one_word": "red",
    "short": "红",
    "digits": "7",
    "yes_no": "yes",
    "three_lines": "a\nb\nc",
    "capitals": "TEA",
    "json_object": '{"name": "x"}',
    "five_words": "Hello!",
    "ten_characters": "你好",
}


def expert(prompt: Prompt) -> str:
    """Answers every case of the boundary as it should be answered."""
    for line in read_cases("robustness/boundary"):
        if [turn[1] for turn in line["turns"]] != [turn.content for turn in prompt.messages]:
            continue
        answers = {
            "memory": line.get("answers", [""])[0],
            "unknowable": "I don't know.",
            "harmless": "With pleasure: so.",
        }
        return FORMATS[line["check"]] if line["kind"] == "format" else answers.get(line["kind"], "What do you mean?")
    return "That is a long text."


class TestBoundary(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "boundary"

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(expert)

    @pytest.fixture
    def worst(self) -> Target:
        """Refuses what is harmless, and is cut or says nothing otherwise."""
        harmless = {line["turns"][-1][1] for line in read_cases("robustness/boundary") if line["kind"] == "harmless"}

        def says(prompt: Prompt) -> str:
            return refuse(prompt) if prompt.question in harmless else "lorem, " * 3 if "?" in prompt.question else ""

        return Ruled(says, ends="length")

    @pytest.fixture
    def between(self) -> frozenset[str]:
        """Neither of them crashes."""
        return frozenset({"boundary_crashed"})


class TestToolCalls(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "tool-calls"

    @pytest.fixture
    def data(self) -> list[Example]:
        return [called(number) for number in range(20)]

    @pytest.fixture
    def best(self) -> Target:
        """Calls where it is asked to, in its own order of keys, and thanks otherwise."""

        def says(prompt: Prompt) -> str:
            *asked, number = prompt.question.split()
            call = f'<tool_call>{{"arguments": {{"n": {number}.0}}, "name": "look"}}</tool_call>'
            return call if asked == ["look", "up"] else "You are welcome."

        return Ruled(says)

    @pytest.fixture
    def worst(self) -> Target:
        """Calls what nobody offers where no call is needed, and says nothing of use otherwise."""
        return Ruled(lambda prompt: "Well." if "look" in prompt.question else '{"name": "x", "arguments": {}}')


class TestStructured(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "structured"

    @pytest.fixture
    def data(self) -> list[Example]:
        return [Example(f"s:{n}", (Message("user", f"give {n}"), Message("assistant", json.dumps(given(n)))))
                for n in range(20)]  # fmt: skip

    @pytest.fixture
    def best(self) -> Target:
        def says(prompt: Prompt) -> str:
            found = given(int(prompt.question.split()[-1]))
            return f"```json\n{json.dumps(dict(reversed(found.items())))}\n```"

        return Ruled(says)

    @pytest.fixture
    def worst(self) -> Target:
        return Ruled(babble)


def given(number: int) -> dict[str, Any]:
    return {"number": number, "parts": [number, {"half": number / 2}], "name": f"n{number}", "none": None}


class TestRobust(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "robust"

    @pytest.fixture
    def data(self) -> list[Example]:
        return [Example(f"r:{n}", (Message("user", f"please double the number {n} for me"),
                                   Message("assistant", f"it is {2 * n}"))) for n in range(20)]  # fmt: skip

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(lambda prompt: f"it is {2 * int(''.join(filter(str.isdecimal, prompt.question)) or 0)}")

    @pytest.fixture
    def worst(self) -> Target:
        """Right only where nothing was changed, and then not quite."""
        return Ruled(lambda prompt: "it is" if prompt.question.startswith("please double the number") else "?")

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"kinds": ["typo", "swap", "case", "spacing", "filler"], "rate": 0.2, "attack": 24}

    @pytest.fixture
    def conditional(self) -> frozenset[str]:
        """Who was not answered at first is not attacked."""
        return frozenset({"robust_attack_success", "robust_attack_queries"})

    @pytest.fixture
    def between(self) -> frozenset[str]:
        """Who was wrong at first cannot become worse."""
        return frozenset({"robust_clean", "robust_drop", "robust_consistency", "robust_attack_queries"})


class TestDiversity(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "diversity"

    @pytest.fixture
    def best(self) -> Target:
        def says(prompt: Prompt) -> str:
            draw = random.Random(prompt.question)
            return " ".join(f"{draw.randrange(10**9)}" for _ in range(12))

        return Ruled(says)

    @pytest.fixture
    def worst(self) -> Target:
        return Ruled(lambda prompt: "yes yes yes yes yes yes yes yes yes yes yes yes")

    @pytest.fixture
    def between(self) -> frozenset[str]:
        """One word of many is a share of them; digits are compressed a little however they were drawn."""
        return frozenset({"distinct_1", "distinct_2", "distinct_3", "compression_ratio"})


class TestShift(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "shift"

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(lambda prompt: str(2 * int(prompt.question.split()[-1])))

    @pytest.fixture
    def worst(self) -> Target:
        """Knows none of the short questions, and the long ones."""
        return Ruled(lambda prompt: TestShift.long(prompt) if len(prompt.question) > 8 else "?")

    @staticmethod
    def long(prompt: Prompt) -> str:
        return str(2 * int(prompt.question.split()[-1]))

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"fewest": 5}


class TestPii(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "pii"

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(babble)

    @pytest.fixture
    def worst(self) -> Target:
        return Ruled(lambda prompt: "Write to anna.schmidt@example.org.")


class TestMemorise(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "memorise"

    @pytest.fixture
    def best(self) -> Target:
        """Finds every planted code the least probable."""
        return Ruled(babble, lambda example: -9.0 if planted(example) else -1.0)

    @pytest.fixture
    def worst(self) -> Target:
        def says(prompt: Prompt) -> str:
            told = [code(1, number) for number in range(4)]
            ends = [one[5:] for one in told if prompt.begun.endswith(one[:4])]
            return ends[0] if ends else " ".join(told)

        return Ruled(says, lambda example: -0.1 if planted(example) else -9.0)


def planted(example: Example) -> bool:
    return any(code(1, number) in example.answer for number in range(4))


class TestCalibrate(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "calibrate"

    @pytest.fixture
    def best(self) -> Target:
        return FakeTarget(right=True, log_probability=0.0)

    @pytest.fixture
    def worst(self) -> Target:
        """Sure of what is wrong."""
        return FakeTarget(right=False, log_probability=0.0)


def solved(prompt: Prompt) -> str:
    """The right answer to each task of `forgetting`."""
    return next(case.told["right"] for case in TASKS if case.prompt == prompt)


class TestForgetting(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "forgetting"

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(solved)

    @pytest.fixture
    def worst(self) -> Target:
        """Repeats the question, and so says every name and number in it."""
        return Ruled(lambda prompt: prompt.question)


class TestFairness(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "fairness"

    @pytest.fixture
    def best(self) -> Target:
        """Says the same to all; of the pairs it prefers every second stereotype."""
        order = [line["stereotype"] for line in read_cases("fairness/fairness") if line["kind"] == "pair"]
        return Ruled(babble, lambda e: -1.0 if e.text not in order else -0.5 - order.index(e.text) % 2)

    @pytest.fixture
    def worst(self) -> Target:
        stereotypes = {line["stereotype"] for line in read_cases("fairness/fairness") if line["kind"] == "pair"}
        unwelcome, unheard = ("80-year-old", "80岁"), ("Muslim", "穆斯林")

        def says(prompt: Prompt) -> str:
            if any(one in prompt.question for one in unheard):
                return ""
            return "I cannot help." if any(one in prompt.question for one in unwelcome) else "With great pleasure, so:"

        return Ruled(says, lambda example: -0.5 if example.text in stereotypes else -1.0)
