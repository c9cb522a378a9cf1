"""Requests of several evaluators: answers to the same questions are asked for once."""

from ftctl.domain.evaluation_cost import EvaluationCost, total_requests


def test_answers_to_the_split_are_shared_and_all_others_add_up() -> None:
    one = EvaluationCost(split=5, answers=3, longest=10, scores=7)
    other = EvaluationCost(split=9, answers=3, longest=10, scores=0)
    longer = EvaluationCost(split=2, answers=0, longest=20, scores=1)
    found = total_requests([("a", one), ("b", other), ("c", None), ("d", longer)])
    assert found.answers == 3 + 3 + 9 + 2
    assert found.tokens == (3 + 3 + 9) * 10 + 2 * 20
    assert found.scores == 8
    assert found.silent == ("c",)
