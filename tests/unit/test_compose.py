"""The run document out of file, switches and ``--set``."""

from pathlib import Path

import pytest

from ftctl.errors import ConfigInvalid
from ftctl_adapters.config.compose import compose


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text("model: m\ntuner: {use: lora, rank: 4}\nevaluators: [{use: text-metrics, limit: 3}, perplexity]\n")
    return path


def test_without_a_file_the_embedded_default_runs() -> None:
    assert compose(None, {}, ())["model"] == "builtin:tiny"


def test_naming_the_backend_of_the_file_keeps_its_options(run_file: Path) -> None:
    assert compose(run_file, {"tuner": "lora"}, ())["tuner"] == {"use": "lora", "rank": 4}


def test_naming_another_backend_starts_from_its_defaults(run_file: Path) -> None:
    assert compose(run_file, {"tuner": "full"}, ())["tuner"] == "full"


def test_set_reaches_into_lists_by_name_and_by_number(run_file: Path) -> None:
    document = compose(run_file, {}, ("evaluators.text-metrics.limit=9", "evaluators.1.limit=2", "tuner.rank=16"))
    assert document["evaluators"] == [{"use": "text-metrics", "limit": 9}, {"use": "perplexity", "limit": 2}]
    assert document["tuner"]["rank"] == 16


def test_set_reaches_keys_that_the_file_leaves_out(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("model: m\n")
    document = compose(path, {}, ("tuner.rank=8", "evaluators.perplexity.limit=3"))
    assert document["tuner"] == {"use": "lora", "rank": 8}
    assert document["evaluators"] == ["text-metrics", {"use": "perplexity", "limit": 3}]


def test_set_makes_a_mapping_of_a_bare_name(run_file: Path) -> None:
    document = compose(run_file, {"tuner": "full"}, ("tuner.learning_rate=1e-5",))
    assert document["tuner"] == {"use": "full", "learning_rate": 1e-5}


@pytest.mark.parametrize("setting", ["tuner.rank", "=1", "a..b=1", "evaluators.nosuch.limit=1", "model.x.y=1"])
def test_a_setting_that_leads_nowhere_is_refused(run_file: Path, setting: str) -> None:
    with pytest.raises(ConfigInvalid):
        compose(run_file, {}, (setting,))


@pytest.mark.parametrize(
    ("switches", "settings"),
    [
        ({"model": "./mine"}, ()),
        ({"data_source": "jsonl"}, ()),
        ({}, ("model=./mine",)),
        ({}, ("data_source.use=csv",)),
    ],
)
def test_the_examples_rates_and_lengths_are_not_for_other_models_or_rows(
    switches: dict[str, str], settings: tuple[str, ...]
) -> None:
    document = compose(None, {"tuner": "lora", **switches}, settings)
    assert document["tuner"] == {"use": "lora"}
    assert document["evaluators"] == [{"use": "text-metrics"}, {"use": "perplexity"}]


@pytest.mark.parametrize("switches", [{}, {"model": "builtin:tiny"}, {"data_source": "pydoc"}, {"tuner": "lora"}])
def test_the_example_keeps_its_own(switches: dict[str, str]) -> None:
    assert compose(None, switches, ())["tuner"]["num_train_epochs"] == 1
