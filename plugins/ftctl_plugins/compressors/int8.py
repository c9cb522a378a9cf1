"""``int8``: 8-bit weights. Dettmers et al., LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale, 2022."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.format import BNB_INT8
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl.ports import Compressor, StageContext


@options
class Int8Options:
    threshold: float = option(6.0, help="Columns with values beyond this stay in 16 bits (LLM.int8 outliers).", ge=0)


class Int8Compressor(Compressor):
    """Quantises the linear layers and keeps embeddings and norms; needs no calibration data."""

    def __init__(self, options: Int8Options) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        return Verdict() if shape.linear else Verdict(("the model has no linear layers to quantise",))

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        from transformers import AutoModelForCausalLM, BitsAndBytesConfig

        from ftctl_adapters.modeling.take_along import take_along

        config = BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=self._options.threshold)
        quantised: Any = AutoModelForCausalLM.from_pretrained(
            model.path, quantization_config=config, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        quantised.save_pretrained(context.out, safe_serialization=True)
        take_along(Path(model.path), context.out)
        _drop_machine_fields(context.out / "config.json")
        before, after = (_weight_bytes(folder) for folder in (Path(model.path), context.out))
        facts = {key: value for key, value in model.facts.items() if key not in ("training", "compression")}
        return Draft("model", BNB_INT8, facts | {"compression": {"bytes_before": before, "bytes_after": after}})


def _weight_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def _drop_machine_fields(path: Path) -> None:
    """The config must not tell where on this machine the model lay."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
