"""Pairwise comparison of answers by a judge model.

Zheng et al., Judging LLM-as-a-judge with MT-bench and chatbot arena, 2023: a judge prefers places, so both
are tried.
"""

import re
from collections.abc import Sequence

from ftctl.domain import Message
from ftctl_adapters.serving.batch_client import Asker
from ftctl_adapters.serving.retry import NoAnswer

JUDGE = (
    "You compare two answers to a question. Judge how right, helpful and clear they are; length and order do not "
    "count. Reply with one word: A if the first is better, B if the second is better, C if neither is."
)
JUDGES = {
    "en": JUDGE,
    "zh": "你比较对同一个问题的两个回答,判断哪一个更正确、更有用、更清楚;长短和先后顺序不算。"
    "只回复一个字母:第一个更好回复A,第二个更好回复B,两个差不多回复C。",
}
VERDICT = re.compile(r"(?<![A-Za-z])([ABC])(?![A-Za-z])")
VERDICT_TOKENS = 8


def preferred(judge: Asker, rubric: str, turns: Sequence[Message], first: str, second: str, **more: int) -> str:
    """Return ``A``, ``B``, or ``C`` for neither; ``more`` are further fields of the request.

    Raises:
        NoAnswer: it says none of them.
    """
    told = f"[Question]\n{transcript(turns)}\n\n[Answer A]\n{first}\n\n[Answer B]\n{second}\n\n[Verdict]"
    said = judge.ask([{"role": "system", "content": rubric}, {"role": "user", "content": told}], **more)
    found = VERDICT.search(said)
    if not found:
        raise NoAnswer("no A, B or C in its answer")
    return found[1]


def transcript(turns: Sequence[Message]) -> str:
    """Return the turns as text for a judge."""
    return "\n\n".join(f"{turn.role}: {turn.said}" for turn in turns)
