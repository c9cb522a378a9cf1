"""``golden``: what the tuned model answered, the server must answer."""

from collections.abc import Sequence
from typing import Any

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import LOSSLESS
from ftctl.domain.golden import GoldenCase
from ftctl.domain.launch import Endpoint
from ftctl.domain.metric import mean_metric
from ftctl.domain.report import Report
from ftctl.errors import ServedDifferently
from ftctl.plugin import option, options
from ftctl.ports import StageContext, Verifier

CLOCK = "strftime_now"
"""A template that calls this renders another prompt every day."""


@options
class GoldenOptions:
    timeout: float = option(120.0, help="Seconds that one answer may take.", gt=0)


class GoldenVerifier(Verifier):
    """Template and tokens must be equal always; text where the format is lossless, up to ties."""

    def __init__(self, options: GoldenOptions) -> None:
        self._options = options

    def verify(self, model: Artifact, endpoint: Endpoint, context: StageContext) -> Report:
        from ftctl_adapters.modeling.golden import read_golden
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer

        cases, tokenizer = read_golden(model.path), ChatTokenizer.of(model)
        if not cases:
            return Report("golden", (), (), {"golden": "no golden cases in this artifact; nothing was compared"})
        lossless = model.format in LOSSLESS
        records = [self._replay(case, tokenizer, endpoint) for case in cases]
        dated = CLOCK in (tokenizer.raw.chat_template or "")
        for link in () if dated else ("rendered", "token_ids", "prompt_tokens"):
            _refuse_broken(link, records)
        if lossless and not dated:
            _refuse_broken("output", records)
        equal = [float(record["output"] != "different") for record in records]
        ties = sum(record["output"] == "tie" for record in records)
        same = [record["token_ids"] for record in records].count("equal")
        note = f"{len(cases)} cases: token ids equal in {same}, text equal in {int(sum(equal)) - ties}, ties {ties}"
        note += "" if lossless else f" (not required: {model.format} is lossy)"
        note += " (not required: the chat template writes today's date)" if dated else ""
        metric = mean_metric("golden_agreement", equal, unit="share", direction="higher")
        return Report("golden", (metric,), tuple(records), {"golden": note})

    def _replay(self, case: GoldenCase, tokenizer: Any, endpoint: Endpoint) -> dict[str, Any]:
        from ftctl_adapters.serving.openai_client import chat

        rendered = tokenizer.render(case.messages, ask=True)
        reply = chat(endpoint, case.messages, case.max_new_tokens, self._options.timeout)
        return {
            "prompt": case.messages[-1].content,
            "rendered": "equal" if rendered == case.rendered else "different",
            "token_ids": "equal" if tuple(tokenizer.encode(rendered)) == case.token_ids else "different",
            "prompt_tokens": "equal" if reply.prompt_tokens in (None, len(case.token_ids)) else "different",
            "output": compare(case, reply.text, tokenizer),
            "expected": case.output,
            "answer": reply.text,
        }


def compare(case: GoldenCase, answer: str, tokenizer: Any) -> str:
    """``equal``, ``tie`` when they part where the runner-up was as good, or ``different``.

    Servers send text, not tokens. Where the texts part is at most one token late: the other token may begin with the
    same letters, or hold only a part of a character. Where the answer's own tokens part is at most early. So any tie
    between the two places explains the difference.
    """
    found = _readable(answer)
    if found == _readable(case.output):
        return "equal"
    first = _first_other(case.output_ids, tokenizer.encode(answer))
    last = len(case.margins) - 1
    for place in range(len(case.margins)):
        shared = _readable(tokenizer.decode(case.output_ids[: place + 1]))
        if not found.startswith(shared):
            last = place
            break
    between = case.margins[min(first, last) : last + 1]
    return "tie" if min(between, default=1.0) < case.tie else "different"


def _readable(text: str) -> str:
    """The text without bytes at its end that are no character: servers show them as U+FFFD, or hold them back."""
    return text.strip().rstrip("\ufffd").strip()


def _first_other(expected: Sequence[int], found: Sequence[int]) -> int:
    """The first place at which two sequences of tokens differ."""
    pairs = enumerate(zip(expected, found, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(expected), len(found)))


_CAUSES = {
    "rendered": "the artifact's chat template renders another text than the one trained with",
    "token_ids": "the artifact's tokenizer makes other tokens than the one trained with",
    "prompt_tokens": "the server makes another number of prompt tokens: its template or its BOS differs",
    "output": "the server answers otherwise although prompt and tokens are equal: other weights, or stop tokens",
}


def _refuse_broken(link: str, records: list[dict[str, Any]]) -> None:
    broken = [record for record in records if record[link] == "different"]
    if broken:
        shown = tuple(
            f"{r['prompt'][:60]!r}: expected {r['expected'][:80]!r}, got {r['answer'][:80]!r}" for r in broken[:5]
        )
        text = f"{len(broken)} of {len(records)} golden cases differ: {_CAUSES[link]}"
        raise ServedDifferently(text, next_step="the details name the cases", details=shown)
