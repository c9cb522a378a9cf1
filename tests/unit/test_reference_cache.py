"""Values that an objective takes from the reference model are computed batch by batch."""

import weakref
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ftctl.domain.encoded import Encoded
from ftctl_adapters.training.engines.group import Group
from ftctl_adapters.training.reference_cache import add_constants
from ftctl_adapters.training.training_rows import Rows

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy


class Watching:
    """An objective that looks whether the graph of the batch before is still there."""

    constants: ClassVar[tuple[str, ...]] = ("value",)

    def __init__(self, weight: Any) -> None:
        self.weight, self.seen, self.left = weight, [], 0

    def constants_of(self, model: Any, batch: Any) -> dict[str, Any]:
        self.left += sum(one() is not None for one in self.seen)
        value = self.weight * batch.ids.sum(dim=1)
        self.seen.append(weakref.ref(value))
        return {"value": value}


def test_the_graph_of_a_batch_is_gone_before_the_next(tmp_path: Path) -> None:
    rows = Rows.of([(Encoded(f"r:{n}", (n, n + 1), (n, n + 1)),) for n in range(6)])
    objective = Watching(torch.nn.Parameter(torch.tensor(2.0)))
    add_constants(rows, objective, torch.nn.Linear(1, 1), 2, 0, tmp_path / "kept", Group())  # type: ignore[arg-type]
    assert rows.constants["value"].tolist() == [2.0 * (2 * n + 1) for n in range(6)]
    assert len(objective.seen) == 3
    assert objective.left == 0
