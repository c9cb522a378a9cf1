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


@pytest.mark.parametrize("damage", [b"", b"no tensors", None])
def test_kept_values_that_are_damaged_are_computed_again(tmp_path: Path, damage: bytes | None) -> None:
    rows = Rows.of([(Encoded(f"r:{n}", (n, n + 1), (n, n + 1)),) for n in range(6)])
    kept, linear = tmp_path / "kept", torch.nn.Linear(1, 1)
    objective = Watching(torch.nn.Parameter(torch.tensor(2.0)))
    add_constants(rows, objective, linear, 2, 0, kept, Group())  # type: ignore[arg-type]
    expected = rows.constants["value"].tolist()
    if damage is None:
        fewer = Rows.of([(Encoded("r:0", (0, 1), (0, 1)),)])
        add_constants(fewer, objective, linear, 2, 0, tmp_path / "fewer", Group())  # type: ignore[arg-type]
        damage = (tmp_path / "fewer").read_bytes()
    kept.write_bytes(damage)
    add_constants(rows, objective, linear, 2, 0, kept, Group())  # type: ignore[arg-type]
    assert rows.constants["value"].tolist() == expected
    seen = len(objective.seen)
    add_constants(rows, objective, linear, 2, 0, kept, Group())  # type: ignore[arg-type]
    assert len(objective.seen) == seen
