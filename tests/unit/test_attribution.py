"""Integrated gradients: against captum, against what they should add up to, and on a model that is known."""

import random
from pathlib import Path

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Example, Message
from ftctl.domain.format import HF
from ftctl.errors import BackendFailed
from ftctl.testing.contracts.stage import recording
from ftctl.testing.fakes import FakeTarget
from ftctl_adapters.modeling.attribution import Attributor
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.target import LoadedTarget
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_plugins.evaluators.white_box.attribution import AttributionEvaluator, AttributionOptions
from tests.planted import KEY, Letters, Planted

torch = pytest.importorskip("torch")
TINY = str(BUILTIN["builtin:tiny"])
STEPS = AttributionOptions().steps


@pytest.fixture(scope="module")
def tiny() -> LoadedTarget:
    return LoadedTarget(load_whole(Artifact("model", HF, "", TINY)), ChatTokenizer(TINY))


@pytest.mark.heavy
def test_scores_are_those_of_captum_and_add_up(tiny: LoadedTarget) -> None:
    captum = pytest.importorskip("captum.attr")
    tokenizer = ChatTokenizer(TINY)
    question = tokenizer.encode(tokenizer.render((Message("user", "join(iterable, /)"),), ask=True))
    answer = tokenizer.encode('["iterable"]')
    attributor = Attributor(tiny.inside().model, "mean", STEPS)
    found = attributor.attribute(question, answer)
    assert found.error < 0.01
    asked, told, ids = attributor._embedded(question), attributor._embedded(answer), torch.tensor(answer)
    theirs = captum.IntegratedGradients(lambda rows: attributor._log_probability(rows, told, ids)).attribute(
        asked[None], baselines=attributor._baseline.expand_as(asked)[None], n_steps=STEPS, method="gausslegendre"
    )
    assert torch.allclose(theirs[0].sum(-1), torch.tensor(found.scores), atol=1e-5)


@pytest.mark.heavy
def test_a_model_that_is_stored_in_bfloat16_answers_as_before(tiny: LoadedTarget) -> None:
    model = tiny.inside().model
    assert next(model.parameters()).dtype == torch.bfloat16
    Attributor(model, "mean", 4)
    assert next(model.parameters()).dtype == torch.bfloat16


@pytest.mark.heavy
def test_virtual_tokens_do_not_shift_what_is_looked_at() -> None:
    peft = pytest.importorskip("peft")
    base = load_whole(Artifact("model", HF, "", TINY)).float()
    told = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5)
    model = peft.get_peft_model(base, told).eval()
    question, answer = list(range(300, 320)), [401, 402, 403]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*question, *answer]])).logits[0, -4:-1].log_softmax(-1)
    expected = float(logits.gather(1, torch.tensor(answer)[:, None]).sum())
    assert Attributor(model, "mean", 8).attribute(question, answer).value == pytest.approx(expected, abs=1e-3)


def test_what_the_answer_depends_on_has_the_highest_score() -> None:
    draw = random.Random(2)
    attributor, letters = Attributor(Planted(), "mean", STEPS), Letters()
    for _ in range(20):
        words = [draw.choice("abcdefgh") for _ in range(12)]
        words[draw.randrange(12)] = KEY
        question, answer = letters.encode("".join(words)), letters.encode("2")
        for scores in (attributor.attribute(question, answer).scores, attributor.ablate(question, answer)):
            assert words[max(range(12), key=lambda place: scores[place])] == KEY


def test_what_a_word_is_worth_is_what_is_lost_without_it(tiny: LoadedTarget, tmp_path: Path) -> None:
    data = [Example("a:1", (Message("user", "join(iterable, /)"), Message("assistant", '["iterable"]')))]
    told = AttributionEvaluator(AttributionOptions(method="ablation")).evaluate(tiny, data, recording(tmp_path))
    assert [metric.name for metric in told.metrics] == ["deletion"]
    assert told.metrics[0].value == 1.0
    assert "left out in turn" in told.notes["attribution"]
    attributor, question, answer = Attributor(tiny.inside().model, "mean", 8), [300, 301, 302, 303], [401, 402]
    whole = attributor.attribute(question, answer).value
    lost = [whole - attributor.without(question, answer, (place,)) for place in range(4)]
    assert attributor.ablate(question, answer) == pytest.approx(lost, abs=1e-4)
    assert all(lost)


def test_scores_that_do_not_add_up_are_said_to_explain_nothing(tiny: LoadedTarget, tmp_path: Path) -> None:
    data = [Example("a:1", (Message("user", "join(iterable, /)"), Message("assistant", '["iterable"]')))]
    few = AttributionEvaluator(AttributionOptions(steps=4)).evaluate(tiny, data, recording(tmp_path / "few"))
    assert "these explain nothing" in few.notes["attribution"]
    enough = AttributionEvaluator(AttributionOptions()).evaluate(tiny, data, recording(tmp_path / "enough"))
    assert "add up to within" in enough.notes["attribution"]


def test_a_baseline_of_nothing_at_all_is_said_to_explain_nothing(tiny: LoadedTarget, tmp_path: Path) -> None:
    """A model with RMSNorm changes fast near zero: steps that are enough from the mean are not enough from there."""
    data = [Example("a:1", (Message("user", "join(iterable, /)"), Message("assistant", '["iterable"]')))]
    reports = {
        baseline: AttributionEvaluator(AttributionOptions(baseline=baseline, steps=40)).evaluate(
            tiny, data, recording(tmp_path / baseline)
        )
        for baseline in ("zero", "mean")
    }
    error = next(metric.value for metric in reports["zero"].metrics if metric.name == "completeness_error")
    assert error > 0.01
    assert f"up to {error:.1%}" in reports["zero"].notes["attribution"]
    assert "these explain nothing; take the baseline mean, or more steps" in reports["zero"].notes["attribution"]
    assert "add up to within" in reports["mean"].notes["attribution"]


def test_who_cannot_be_looked_into_says_so(tmp_path: Path) -> None:
    data = [Example("a:1", (Message("user", "double 2"), Message("assistant", "4")))]
    with pytest.raises(BackendFailed, match="nobody can look into it"):
        AttributionEvaluator(AttributionOptions()).evaluate(FakeTarget(), data, recording(tmp_path))
