"""Common part of compressors: write the weights and the files beside them."""

import json
from pathlib import Path
from typing import Any

from ftctl.domain.artifact import Artifact, Draft
from ftctl_adapters.modeling.auxiliary_files import take_along

WEIGHTS = ("*.safetensors", "*.onnx", "*.onnx.data")


def compressed_draft(model: Artifact, out: Path, form: str, **told: Any) -> Draft:
    """Copy the model's other files to the folder, and return the draft with the compression ratio.

    Args:
        model: what was compressed.
        out: where the compressed weights lie.
        form: the format that they have now.
        told: further facts about the compression.
    """
    take_along(Path(model.path), out)
    _drop_machine_fields(out / "config.json")
    before, after = (_weight_bytes(folder) for folder in (Path(model.path), out))
    facts = {key: value for key, value in model.facts.items() if key not in ("training", "compression")}
    return Draft("model", form, facts | {"compression": {"bytes_before": before, "bytes_after": after, **told}})


def _weight_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for pattern in WEIGHTS for path in folder.glob(pattern))


def _drop_machine_fields(path: Path) -> None:
    """Remove paths of this machine from the config."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
