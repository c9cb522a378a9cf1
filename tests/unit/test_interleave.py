"""Answers that are drawn, by the model's probabilities and the same from a seed, and answers that are gone on with."""

from collections import Counter
from pathlib import Path

import pytest
from attrs import evolve

from ftctl.domain.example import Message, Prompt
from ftctl.ports import Target
from ftctl.testing import tiny_model
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.stage import recording
from ftctl.worker.answer_store import AnswerStore
from ftctl.worker.cached_target import CachedTarget
from ftctl_adapters.bootstrap import build_registry

torch = pytest.importorskip("torch")
PROMPTS = [Prompt((Message("user", f"Tell me about {what} please, at length."),)) for what in ("tea", "a river", "1")]


@pytest.fixture(scope="module")
def target() -> Target:
    loader = make(build_registry().find("target_loader", "transformers"), {})  # type: ignore[arg-type]
    found: Target = loader.load(tiny_model())
    found.inside().model.float()
    return found


def test_tokens_come_as_often_as_they_are_probable() -> None:
    from ftctl_adapters.modeling.generate import GumbelNoise

    logits, rows, temperature = torch.tensor([2.0, 1.0, 0.0, -1.0]), 4000, 0.5
    drawn = GumbelNoise(range(rows), temperature)(None, logits.expand(rows, 4)).argmax(dim=-1)
    wanted = (logits / temperature).softmax(-1)
    counts = Counter(drawn.tolist())
    for token in range(4):
        share, expected = counts[token] / rows, float(wanted[token])
        assert abs(share - expected) < 4 * (expected * (1 - expected) / rows) ** 0.5, f"token {token}: {share}"


def test_a_draw_is_that_of_its_seed_whatever_stands_beside_it(target: Target) -> None:
    together = target.sample(PROMPTS, 8, 1.0, 7)
    alone = [target.sample([prompt], 8, 1.0, 7)[0] for prompt in PROMPTS]
    assert together == alone
    assert len({target.sample(PROMPTS[:1], 8, 1.0, seed)[0].text for seed in range(5)}) > 1
    assert together != target.generate(PROMPTS, 8)


def test_close_to_no_temperature_it_is_the_greedy_answer(target: Target) -> None:
    assert target.sample(PROMPTS, 8, 1e-4, 1) == target.generate(PROMPTS, 8)


def test_draws_are_remembered_apart_from_each_other_and_from_greedy_answers(target: Target, tmp_path: Path) -> None:
    context = recording(tmp_path)

    def remembered(asked: Target) -> CachedTarget:
        return CachedTarget(asked, AnswerStore(context.work, "answers"), context)

    def ask(asked: Target) -> list[object]:
        draws = [asked.sample(PROMPTS, 8, 1.0, seed) for seed in (1, 2)]
        return [*draws, asked.generate(PROMPTS, 8)]

    told = ask(remembered(target))
    assert told == ask(target)

    class Silent(type(target)):  # type: ignore[misc]
        def sample(self, *asked: object) -> list[object]:
            raise AssertionError("asked again")

        generate = sample

    assert ask(remembered(Silent.__new__(Silent))) == told


def test_an_answer_that_has_begun_is_gone_on_with(target: Target, tmp_path: Path) -> None:
    tokenizer = target.inside().tokenizer
    begun = [evolve(prompt, begun="The mill is") for prompt in PROMPTS]
    whole = target.generate(begun, 12)
    said = [tokenizer.decode(answer.token_ids[:5]) for answer in whole]
    further = [evolve(one, begun=one.begun + text) for one, text in zip(begun, said, strict=True)]
    for before, after, answer in zip(begun, further, whole, strict=True):
        assert tokenizer.asked(after) == [*tokenizer.asked(before), *answer.token_ids[:5]]
    remembered = CachedTarget(target, AnswerStore(tmp_path, "answers"), recording(tmp_path))
    plain = [remembered.generate(asked, 7) for asked in (PROMPTS, begun, further)]
    assert [one.token_ids for one in plain[1]] == [one.token_ids[:7] for one in whole]
    assert [one.token_ids for one in plain[2]] == [one.token_ids[5:] for one in whole]
    assert plain[0] != plain[1] != plain[2]
    assert remembered.sample(begun, 7, 1e-4, 1) == plain[1]
    assert remembered.sample(PROMPTS, 7, 1e-4, 1) == plain[0]
