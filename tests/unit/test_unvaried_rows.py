"""An augmentation says how many of the rows that it drew it could not vary."""

from typing import Any

from attrs import evolve

from ftctl.application.dataset.row_keys import Described
from ftctl.domain.example import Example, Message
from ftctl.testing.contracts.stage import recording
from ftctl_plugins.data_operators.augment_noise import AugmentNoise, AugmentNoiseOptions


def test_rows_in_which_nothing_changes_are_counted(tmp_path: Any) -> None:
    heard = Described(lambda kind, **data: None, sealed=False)
    context = evolve(recording(tmp_path), emit=heard)
    rows = [Example(f"r:{n}", (Message("user", "1"), Message("assistant", str(n)))) for n in range(30)]
    operator = AugmentNoise(AugmentNoiseOptions(share=1.0, kinds=("typo",), rate=0.01))
    assert list(operator.process(rows[:20], context)) == rows[:20]
    operator.process(rows[20:], context)
    assert heard.shortfalls() == ["augment-noise: 30 rows that it drew have no variant, since nothing in them changed"]
    assert heard.document()["unvaried"] == {"augment-noise": 30}
