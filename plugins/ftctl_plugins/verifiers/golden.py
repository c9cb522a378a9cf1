"""``golden``: compare a server's answers with those of the tuned model."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from attrs import frozen

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import LOSSLESS
from ftctl.domain.golden import GoldenCase
from ftctl.domain.launch import Endpoint
from ftctl.domain.metric import Metric, mean_metric
from ftctl.domain.report import Report
from ftctl.errors import ServedDifferently
from ftctl.plugin import option, options
from ftctl.ports import StageContext, Verifier
from ftctl_plugins.verifiers.answer_comparison import DIFFERENT, EQUAL, TIE, compare, largest_difference
from ftctl_plugins.verifiers.failure_cause import (
    CAUSES,
    OWN_TEMPLATE,
    OWN_TOKENIZER,
    REMEDIES,
    STOP,
    WEIGHTS,
    WHOLE,
    Seen,
    broken_link,
)

ANSWERS = (STOP, WEIGHTS)
"""Links that a lossy format may break."""

"""A template that calls this renders another prompt every day."""


@options
class GoldenOptions:
    """Options of `GoldenVerifier`."""

    timeout: float = option(120.0, help="Seconds that one answer may take.", gt=0)
    min_agreement: float = option(
        0.0, help="Share of cases that must be equal or tied, where the format is lossy.", ge=0, le=1
    )


@frozen
class Replayed:
    """A replayed case: answer, comparison, and the broken link."""

    case: GoldenCase
    answer: str
    output: str
    link: str
    apart: float | None

    def record(self) -> dict[str, Any]:
        """Return the report's record."""
        asked = {"prompt": self.case.messages[-1].content, "expected": self.case.output}
        return asked | {"answer": self.answer, "output": self.output, "link": self.link, "nats_apart": self.apart}


class GoldenVerifier(Verifier):
    """Replays golden cases: template and tokens must be equal, text too if the format is lossless, up to ties."""

    def __init__(self, options: GoldenOptions) -> None:
        self._options = options

    def verify(self, model: Artifact, endpoint: Endpoint, context: StageContext) -> Report:
        from ftctl_adapters.modeling.golden import read_golden
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer
        from ftctl_adapters.serving.probe import Probe

        cases, tokenizer = read_golden(model.path), ChatTokenizer.of(model)
        if not cases:
            return Report("golden", (), (), {"golden": "no golden cases in this artifact; nothing was compared"})
        probe, dated = Probe(endpoint, self._options.timeout), tokenizer.dated
        found = [_replay(case, tokenizer, probe) for case in cases]
        if not dated:
            _refuse_broken([one for one in found if model.exact or one.link not in ANSWERS])
        equal = [float(one.output != DIFFERENT) for one in found]
        agreement = sum(equal) / len(equal)
        if not model.exact and agreement < self._options.min_agreement:
            asked = self._options.min_agreement
            text = f"{agreement:.2f} of the golden cases are answered alike, {asked:g} are asked for"
            raise ServedDifferently(text, details=_shown(one for one in found if one.output == DIFFERENT))
        note = _note(found) + ("" if model.exact else f" (not required: {_form(model)} is lossy)")
        note += " (not required: the chat template writes today's date)" if dated else ""
        return Report("golden", _metrics(found, equal), tuple(one.record() for one in found), {"golden": note})


def _replay(case: GoldenCase, tokenizer: Any, probe: Any) -> Replayed:
    reply = probe.answer(case)
    output = compare(case, reply.text, tokenizer)
    link = _own_link(case, tokenizer)

    def completion() -> tuple[int | None, str] | None:
        told = probe.completed(case)
        return told and (told.prompt_tokens, compare(case, told.text, tokenizer))

    if link == WHOLE:
        ids = probe.ids(case)
        of_text = partial(probe.ids_of_text, case.rendered)
        seen = Seen(ids, reply.prompt_tokens, reply.text, output, of_text, completion)
        link = broken_link(case, seen, stops=_stopped(case, tokenizer))
    return Replayed(case, reply.text, output, link, largest_difference(case, reply.top))


def _own_link(case: GoldenCase, tokenizer: Any) -> str:
    """Return the broken link if the artifact itself no longer makes the prompt that it was trained with."""
    rendered = tokenizer.render(case.messages, ask=True, tools=list(case.tools))
    if rendered != case.rendered:
        return OWN_TEMPLATE
    return WHOLE if tuple(tokenizer.encode(rendered)) == case.token_ids else OWN_TOKENIZER


def _form(model: Artifact) -> str:
    return "compression" if model.format in LOSSLESS else model.format


def _stopped(case: GoldenCase, tokenizer: Any) -> bool:
    return len(case.output_ids) < case.max_new_tokens or case.output_ids[-1] in tokenizer.stop_ids


def _refuse_broken(found: Sequence[Replayed]) -> None:
    """Raise with the earliest broken link, which explains the later ones.

    Raises:
        ServedDifferently: one did.
    """
    for link, cause in CAUSES.items():
        broken = [one for one in found if one.link == link]
        if broken:
            step = REMEDIES.get(link, "the details name the cases")
            text = f"{len(broken)} of {len(found)} golden cases differ: {cause}"
            raise ServedDifferently(text, next_step=step, details=_shown(broken))


def _shown(broken: Iterable[Replayed]) -> tuple[str, ...]:
    return tuple(
        f"{one.case.messages[-1].content[:60]!r}: expected {one.case.output[:80]!r}, got {one.answer[:80]!r}"
        for one in list(broken)[:5]
    )


def _metrics(found: Sequence[Replayed], equal: Sequence[float]) -> tuple[Metric, ...]:
    agreement = mean_metric("golden_agreement", equal, unit="share", direction="higher")
    apart = [one.apart for one in found if one.apart is not None]
    if not apart:
        return (agreement,)
    return agreement, mean_metric("golden_logprob_difference", apart, unit="nat", direction="lower")


def _note(found: Sequence[Replayed]) -> str:
    outputs = Counter(one.output for one in found)
    prompts = sum(one.link == WHOLE or one.link in ANSWERS for one in found)
    note = f"{len(found)} cases: token ids equal in {prompts}, text equal in {outputs[EQUAL]}, ties {outputs[TIE]}"
    apart = [one.apart for one in found if one.apart is not None]
    return note + (f", log-probabilities at most {max(apart):.3f} nats apart" if apart else "")
