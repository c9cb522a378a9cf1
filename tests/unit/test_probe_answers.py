"""Lens, attention and influence: against transformers' own figures, and on what is known."""

import random
from pathlib import Path

import pytest
from attrs import evolve

from ftctl.domain.example import Example, Message
from ftctl.domain.reservoir import reservoir
from ftctl.errors import NoUsableRows
from ftctl.ports.evaluator import EvaluatorError
from ftctl.testing.contracts.stage import recording
from ftctl_adapters.modeling.attention import _attends, look
from ftctl_adapters.modeling.influence import Gradients
from ftctl_adapters.modeling.labels import encode_example
from ftctl_adapters.modeling.lens import Lens
from ftctl_adapters.report.heat_map import heat_map
from ftctl_plugins.evaluators.white_box.influence import InfluenceEvaluator, InfluenceOptions
from ftctl_plugins.evaluators.white_box.lens import LensEvaluator, LensOptions
from ftctl_plugins.evaluators.white_box.probe_answers import spelled
from tests.looked_into import LookedInto, capped, leaking, noisy
from tests.planted import Planted, Shown

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy
QUESTION, ANSWER = tuple(range(300, 330)), (401, 402, 403)


@pytest.fixture(scope="module")
def tiny() -> LookedInto:
    return LookedInto()


WORDS = ("tea", "stone", "lamp", "river", "cloud", "seven", "red", "iron", "glass", "paper")


def row(number: int) -> Example:
    words = random.Random(number).sample(WORDS, 4)
    return Example(f"t:{number}", (Message("user", f"say {' '.join(words)}"), Message("assistant", words[0])))


def test_the_lens_after_each_block_is_the_norm_and_the_head_on_its_hidden_state(tiny: LookedInto) -> None:
    found = Lens(tiny.model).look(QUESTION, ANSWER)
    with torch.no_grad():
        told = tiny.model(input_ids=torch.tensor([[*QUESTION, *ANSWER]]), output_hidden_states=True)
        first = tiny.model.lm_head(tiny.model.model.norm(told.hidden_states[1])).log_softmax(-1)[0, -4:-1]
    assert len(found.layers) == len(told.hidden_states) - 1
    assert found.layers[0].chosen == tuple(first.argmax(-1).tolist())
    assert found.layers[0].probability == pytest.approx(first.max(-1).values.exp().tolist(), rel=1e-5)
    said = told.logits[0, -4:-1].log_softmax(-1)
    divergence = torch.nn.functional.kl_div(first, said, log_target=True, reduction="none").sum(-1).mean()
    assert found.layers[0].divergence == pytest.approx(float(divergence), rel=1e-4)
    assert found.layers[-1].divergence == pytest.approx(0, abs=1e-6)
    assert found.layers[-1].chosen == tuple(said.argmax(-1).tolist())
    assert all(0 < share <= 1 for share in found.settled)


def test_a_token_is_settled_after_the_first_block_whose_choice_stays(tiny: LookedInto) -> None:
    found = Lens(tiny.model).look(QUESTION, ANSWER)
    for place, share in enumerate(found.settled):
        depth, choices = round(share * len(found.layers)), [layer.chosen[place] for layer in found.layers]
        assert set(choices[depth - 1 :]) == {choices[-1]}
        assert depth == 1 or choices[depth - 2] != choices[-1]


def test_who_does_more_behind_its_blocks_is_said_not_to_be_read_rightly(tmp_path: Path) -> None:
    data = [row(1)]
    wrong = LensEvaluator(LensOptions()).evaluate(capped(), data, recording(tmp_path / "wrong"))
    assert "believe none" in wrong.notes["lens"]
    right = LensEvaluator(LensOptions()).evaluate(LookedInto(), data, recording(tmp_path / "right"))
    assert "the last block says what the model says" in right.notes["lens"]


def test_a_model_without_blocks_has_no_lens(tmp_path: Path) -> None:
    with pytest.raises(EvaluatorError, match="this model has no lens: Planted"):
        LensEvaluator(LensOptions()).evaluate(Shown(Planted()), [row(1)], recording(tmp_path))


def test_attention_is_that_of_transformers_and_the_model_is_left_as_it_was(tiny: LookedInto) -> None:
    before = tiny.model.config._attn_implementation
    found = look(tiny.model, QUESTION, ANSWER)
    assert tiny.model.config._attn_implementation == before != "eager"
    tiny.model.set_attn_implementation("eager")
    try:
        with torch.no_grad():
            told = tiny.model(input_ids=torch.tensor([[*QUESTION, *ANSWER]]), output_attentions=True).attentions
    finally:
        tiny.model.set_attn_implementation(before)
    weights = torch.stack(told)[:, 0, :, -4:-1]
    assert torch.allclose(torch.tensor(found.scores), weights.mean((0, 1, 2))[: len(QUESTION)], atol=1e-6)
    assert found.sink == pytest.approx(float(weights[..., 0].mean()), abs=1e-6)
    assert found.row_error < 1e-5
    assert found.entropy == pytest.approx(
        float(-(weights * weights.log2().nan_to_num(neginf=0)).sum(-1).mean()), abs=1e-4
    )


def test_virtual_tokens_stand_before_the_question_and_are_none_of_it() -> None:
    peft = pytest.importorskip("peft")
    found = LookedInto()
    told = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5)
    model = peft.get_peft_model(found.model, told).eval()
    looked = look(model, QUESTION, ANSWER)
    assert len(looked.scores) == len(QUESTION)
    assert looked.row_error < 1e-5
    assert Lens(model).look(QUESTION, ANSWER).layers[-1].divergence == pytest.approx(0, abs=1e-6)


def test_attention_that_is_lost_on_the_way_is_seen() -> None:
    assert look(leaking().model, QUESTION, ANSWER).row_error == pytest.approx(0.5, abs=1e-5)


def test_a_copy_of_the_query_is_nearest_and_cosines_are_those_of_whole_gradients(tiny: LookedInto) -> None:
    rows = [encode_example(tiny.tokenizer, row(number), "last_answer") for number in range(62)]
    gradients = Gradients(tiny.model, seed=1)
    trained = [one.requires_grad for one in tiny.model.parameters()]
    sketches = torch.stack([gradients.of(one) for one in rows])
    assert [one.requires_grad for one in tiny.model.parameters()] == trained
    assert int((sketches @ gradients.of(rows[17])).argmax()) == 17
    block, whole = tiny.model.model.layers[-1], []
    for one in rows[:6]:
        block.requires_grad_(True)
        loss = tiny.model(input_ids=torch.tensor([one.ids]), labels=torch.tensor([one.labels])).loss
        grads = torch.autograd.grad(loss, list(block.parameters()))
        whole.append(torch.nn.functional.normalize(torch.cat([grad.flatten() for grad in grads]), dim=0))
    exact = torch.stack(whole) @ torch.stack(whole).T
    assert torch.allclose(sketches[:6] @ sketches[:6].T, exact, atol=0.04)


def test_what_was_mistyped_is_found_again_and_by_gradients_of_chance_it_is_not(tmp_path: Path) -> None:
    data = [row(number) for number in range(40)]
    told = {}
    for name, target in {"right": LookedInto(), "chance": noisy()}.items():
        context = evolve(recording(tmp_path / name), training=lambda: iter(data))
        report = InfluenceEvaluator(InfluenceOptions(limit=20)).evaluate(target, data, context)
        told[name] = report.metrics[0].value
        assert [one["nearest"][0]["where"] == one["where"] for one in report.records].count(name == "right") >= 15
    assert told["right"] >= 0.8
    assert told["chance"] <= 0.2


def test_without_training_examples_nothing_is_near(tmp_path: Path) -> None:
    with pytest.raises(NoUsableRows, match="two training examples"):
        InfluenceEvaluator(InfluenceOptions()).evaluate(LookedInto(), [row(1)], recording(tmp_path))


def test_candidates_are_drawn_from_the_whole_stream_alike() -> None:
    counts = [0] * 10
    for seed in range(2000):
        for one in reservoir(iter(range(10)), 3, random.Random(seed)):
            counts[one] += 1
    assert all(540 < count < 660 for count in counts), counts


def test_a_character_of_several_tokens_is_told_once_and_has_what_all_of_them_have(tiny: LookedInto) -> None:
    ids = tiny.tokenizer.encode("a红b")
    pieces = spelled(tiny.tokenizer, ids)
    assert len(ids) == len(pieces) > len("a红b"), "the tiny model spells it in bytes"
    assert [piece for piece in pieces if piece] == ["a", "红", "b"]
    shown = heat_map([{"tokens": pieces, "scores": [1.0] * len(ids), "answer": "c"}])
    assert f'title="+{len(ids) - 2}"' in shown.partition("红")[0].rpartition("<span")[2]


def test_what_is_too_long_is_left_out_and_told(tmp_path: Path) -> None:
    data = [row(number) for number in range(10)]
    long = Example("t:long", (Message("user", "tea " * 200), Message("assistant", "tea")))
    context = evolve(recording(tmp_path), training=lambda: iter([*data, long]))
    report = InfluenceEvaluator(InfluenceOptions(max_length=100)).evaluate(LookedInto(), [long, *data[:2]], context)
    assert [one["where"] for one in report.records] == ["t:0", "t:1"]
    assert "2 examples are too long" in report.notes["influence"]


def test_a_norm_that_is_called_after_the_attention_is_none() -> None:
    assert [name for name in ("post_attention_layernorm", "attention_dropout", "ln_attn", "attention", "self_attn")
            if _attends(name)] == ["attention", "self_attn"]  # fmt: skip
