"""Greedy word-by-word attack that searches a change which breaks the answer, within a query budget."""

import random
from collections.abc import Sequence

from attrs import define, evolve

from ftctl.domain.example import Example, Prompt
from ftctl.ports import Target
from ftctl_plugins.evaluators.exact_match import token_f1
from ftctl_plugins.evaluators.robustness.question_changes import one_word

BEAM = 8
"""Changes that are tried at a time; the one that hurts most is gone on from."""

BROKEN = 0.5
"""Share of the F1 before, at which an answer counts as another."""


@define
class Attacked:
    """State of an attack: the question so far, F1 before and now, and the number of queries."""

    example: Example
    before: float
    question: str
    now: float
    queries: int = 0
    gone: bool = False
    """Whether nothing was left to try, or no answer came any more; one that did not is a try less."""

    @property
    def success(self) -> bool:
        """Return True if F1 fell by the share that counts as broken."""
        return self.now <= BROKEN * self.before


def attack(
    target: Target, asked: Sequence[tuple[Example, float]], kinds: tuple[str, ...], budget: int, tokens: int, seed: int
) -> list[Attacked]:
    """Attack each example that was answered with an F1 above 0; return the states in order.

    Args:
        target: who is attacked.
        asked: examples, each with the F1 of its answer.
        kinds: ways to change a word.
        budget: questions an example.
        tokens: longest answer.
        seed: of what is tried.
    """
    found = [Attacked(example, f1, example.prompt.question, f1) for example, f1 in asked if f1 > 0]
    draws = {id(one): random.Random(f"{seed} attack {one.example.content_digest}") for one in found}  # noqa: S311
    live = found
    while live := [one for one in live if not one.success and not one.gone and one.queries < budget]:
        tried = [(one, _candidates(one, kinds, min(BEAM, budget - one.queries), draws[id(one)])) for one in live]
        told = iter(target.generate([_prompt(one, text) for one, texts in tried for text in texts], tokens))
        for one, texts in tried:
            answers = [next(told) for _ in texts]
            one.queries += len(texts)
            came = [(place, answer.text) for place, answer in enumerate(answers) if not answer.error]
            tries = [(token_f1(text, one.example.answer), place, texts[place]) for place, text in came]
            one.gone = not tries
            # what hurts no more than before is gone on from too: words are lost one by one
            if tries and min(tries)[0] <= one.now:
                one.now, _, one.question = min(tries)
    return found


def _candidates(one: Attacked, kinds: tuple[str, ...], count: int, draw: random.Random) -> list[str]:
    """Return distinct changed questions."""
    found = dict.fromkeys(one_word(one.question, kinds, draw) for _ in range(4 * count))
    return [text for text in found if text not in (one.question, one.example.prompt.question)][:count]


def _prompt(one: Attacked, text: str) -> Prompt:
    *before, last = one.example.prompt.messages
    return evolve(one.example.prompt, messages=(*before, evolve(last, content=text)))
