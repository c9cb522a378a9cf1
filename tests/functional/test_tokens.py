"""A data set becomes tokens once for all runs that would make the same ones."""

from pathlib import Path

import pytest

from tests.conftest import Ftctl
from tests.functional.small import small_run

pytestmark = pytest.mark.heavy


def stamps(folder: Path) -> dict[str, int]:
    """Files of token ids by their place, with what tells whether they are the same files."""
    found = (folder / ".ftctl" / "tokens").rglob("ids.i4")
    return {str(path.relative_to(folder)): path.stat().st_ino for path in found}


def test_another_rate_uses_the_same_tokens_and_another_length_does_not(ftctl: Ftctl, tmp_path: Path) -> None:
    small_run(tmp_path)
    quick = ("--set", "tuner.max_steps=1")
    assert ftctl("tune", "run.yaml", *quick).returncode == 0
    first = stamps(tmp_path)
    assert {Path(place).parent.name for place in first} == {"train", "validation"}
    other = ftctl("tune", "run.yaml", *quick, "--set", "tuner.learning_rate=1e-4", "--set", "seed=9")
    assert other.returncode == 0, other.stderr
    assert stamps(tmp_path) == first
    longer = ftctl("tune", "run.yaml", *quick, "--set", "tuner.max_length=512")
    assert longer.returncode == 0, longer.stderr
    assert len(stamps(tmp_path)) == 2 * len(first)
