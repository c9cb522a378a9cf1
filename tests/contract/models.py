"""Models for contracts."""

from pathlib import Path

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import HF


def fake_model(folder: Path) -> Artifact:
    """What the fakes take for a model."""
    place = folder / "model"
    place.mkdir()
    for name in ("base.txt", "tokenizer.json", "chat_template.jinja"):
        (place / name).write_text(f"the {name}")
    return Artifact("model", HF, "d" * 64, str(place))
