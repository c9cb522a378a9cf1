"""``hard-examples`` keeps the contract of its port, and finds the rows over which two models really disagree."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.artifact import Draft, Lineage
from ftctl.domain.example import Example, Message
from ftctl.domain.format import HF
from ftctl.errors import DataError
from ftctl.ports.context import StageContext
from ftctl.testing.contracts import DataOperatorContract
from ftctl.testing.contracts.data_operator import judged
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.stage import recording
from ftctl.testing.samples import phrases
from ftctl_adapters.bootstrap import build_registry
from ftctl_adapters.store.artifact_store import DiskArtifactStore
from tests.contract.models import TINY

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The tiny model, and one whose embedding of some characters is another."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    root = tmp_path_factory.mktemp("models")
    store, folders = DiskArtifactStore(root / "ws"), []
    model, tokenizer = AutoModelForCausalLM.from_pretrained(TINY), AutoTokenizer.from_pretrained(TINY)
    for name in ("one", "other"):
        shutil.copytree(TINY, root / name)
        if name == "other":
            (token,) = {ids[-1] for ids in tokenizer(["zebra"])["input_ids"]}
            with torch.no_grad():
                model.get_input_embeddings().weight[token] *= 8.0
            model.save_pretrained(root / name)
        folders.append(store.commit(root / name, Draft("model", HF, {}), Lineage()).path)
    return {"model": folders[0], "compressed": folders[1]}


class TestHardExamples(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "hard-examples"

    @pytest.fixture
    def values(self, models: dict[str, Any]) -> dict[str, Any]:
        return models | {"keep": 5}

    @pytest.fixture
    def rows(self) -> list[Example]:
        return phrases()[:6]


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    return recording(tmp_path / "stage", data_seed=7, memory_bytes=1 << 24)


def test_rows_that_both_models_see_alike_are_left_out(models: dict[str, Any], context: StageContext) -> None:
    texts = [f"A zebra and a zebra, {n}." if n % 3 == 0 else f"A horse and a horse, {n}." for n in range(12)]
    rows = [Example(f"r:{n}", (Message("user", "Say it."), Message("assistant", t))) for n, t in enumerate(texts)]
    offer: Any = build_registry().find("data_operator", "hard-examples")
    found = judged(make(offer, models | {"keep": 4}), rows, context)
    assert [place for place, one in enumerate(found) if not one.state] == [0, 3, 6, 9]
    assert all("nats a token" in one.reason for one in found if one.state)


def test_what_is_no_model_is_one_line(tmp_path: Path, models: dict[str, Any]) -> None:
    offer: Any = build_registry().find("data_operator", "hard-examples")
    with pytest.raises(DataError, match="holds no artifact"):
        make(offer, models | {"compressed": str(tmp_path)}).fingerprint()
    (tmp_path / "manifest.json").write_text(json.dumps({"kind": "model"}))
    with pytest.raises(DataError, match="holds no artifact"):
        make(offer, models | {"compressed": str(tmp_path)}).fingerprint()
