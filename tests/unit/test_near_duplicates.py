"""Cases that are no independent ones: their bounds, comparisons and gates count clusters."""

import json
import math
import random
from pathlib import Path

import pytest

from ftctl.application.gates import judge
from ftctl.application.model_metrics import Measured
from ftctl.application.spec import Gate
from ftctl.domain.metric import Metric, clustered_metric, mean_metric
from ftctl.domain.statistics.proportion import wilson
from ftctl_adapters.report.comparison import compare


def drawn(seed: int, clusters: int = 24, each: int = 8, share: float = 0.3) -> tuple[list[float], list[str]]:
    """Shares that differ from cluster to cluster: within one, nearly all cases are alike."""
    draw = random.Random(seed)
    hits = [float(draw.random() < share) for _ in range(clusters)]
    return [hit for hit in hits for _ in range(each)], [str(c) for c in range(clusters) for _ in range(each)]


def test_the_error_is_that_of_the_clusters_and_without_any_the_plain_one() -> None:
    values, clusters = drawn(1)
    one = clustered_metric("x", values, clusters, unit="share", direction="lower")
    plain = mean_metric("x", values, unit="share", direction="lower")
    assert (one.value, one.n) == (plain.value, plain.n)
    assert one.stderr == pytest.approx(plain.stderr * math.sqrt(8), rel=0.03)
    alone = clustered_metric("x", values, list(map(str, range(len(values)))), unit="share", direction="lower")
    assert alone.stderr == pytest.approx(plain.stderr)
    none = clustered_metric("x", [0.0] * 192, clusters, unit="share", direction="lower")
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 24))


def test_intervals_of_clusters_cover_the_truth() -> None:
    def covers(metric: Metric) -> bool:
        assert metric.low is not None
        assert metric.high is not None
        return metric.low <= 0.3 <= metric.high

    draws = [drawn(seed) for seed in range(400)]
    told = [covers(clustered_metric("x", v, c, unit="share", direction="lower")) for v, c in draws]
    naive = [covers(mean_metric("x", v, unit="share", direction="lower")) for v, _ in draws]
    assert sum(told) / len(told) > 0.92
    assert sum(naive) / len(naive) < 0.7


def evaluation(folder: Path, seed: int, share: float = 0.3) -> Measured:
    values, clusters = drawn(seed, share=share)
    folder.mkdir(parents=True)
    rows = [{"where": f"{place}", "prompt": f"{place}?", "attack_success": value, "cluster": cluster}
            for place, (value, cluster) in enumerate(zip(values, clusters, strict=True))]  # fmt: skip
    (folder / "jailbreak.samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    metric = clustered_metric("attack_success", values, clusters, unit="share", direction="lower")
    return Measured({"attack_success": metric}, folder, "d")


def test_a_gate_does_not_pass_by_counting_one_attack_eight_times(tmp_path: Path) -> None:
    """At the bound itself, at most about one run in twenty may pass."""
    gate, passed = Gate(metric="attack_success", of="tuned", max_value=0.3, confidence=0.95), 0
    for seed in range(200):
        passed += judge([gate], {"tuned": evaluation(tmp_path / str(seed), seed)})[0].verdict == "pass"
    assert passed <= 18
    (ruling,) = judge([gate], {"tuned": evaluation(tmp_path / "none", 0, share=0.0)})
    assert (ruling.verdict, ruling.n) == ("pass", 24)


def test_a_missing_case_does_not_make_a_gate_undecidable(tmp_path: Path) -> None:
    values = [1.0, 1.0] + [0.0] * 190
    clusters = [str(place // 8) for place in range(192)]
    rows = [{"where": f"{place}", "attack_success": value, "cluster": cluster}
            for place, (value, cluster) in enumerate(zip(values, clusters, strict=True))][:-1]  # fmt: skip
    (tmp_path / "jailbreak.samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    metric = clustered_metric("attack_success", values[:-1], clusters[:-1], unit="share", direction="lower")
    gate = Gate(metric="attack_success", of="tuned", max_value=0.4, confidence=0.95)
    assert judge([gate], {"tuned": Measured({"attack_success": metric}, tmp_path, "d")})[0].verdict == "pass"


def test_one_cluster_and_equal_ones_count_once_each() -> None:
    alone = clustered_metric("x", [1.0, 1.0] + [0.0] * 6, ["a"] * 8, unit="share", direction="lower")
    assert alone.stderr is None
    assert (alone.low, alone.high) == wilson(0.25, 1)
    equal = clustered_metric(
        "x", [1.0, 0.0, 0.0] * 12, [str(n // 3) for n in range(36)], unit="share", direction="lower"
    )
    assert equal.stderr is None
    assert (equal.low, equal.high) == pytest.approx(wilson(4, 12))


def test_a_comparison_counts_clusters(tmp_path: Path) -> None:
    one, other = (evaluation(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 2)))
    assert one.folder is not None
    assert other.folder is not None
    (found,) = compare(one.folder, other.folder).differences
    assert found.n == 24
