"""bitsandbytes is imported without TorchInductor, and torch.compile is as it was."""

import subprocess
import sys

CODE = """
import sys
import torch
before = torch.compile
import ftctl_adapters.modeling.eager_bitsandbytes
import bitsandbytes
print("torch._inductor.compile_fx" in sys.modules, torch.compile is before, callable(bitsandbytes.nn.Linear4bit))
"""


def test_bitsandbytes_is_imported_without_the_compiler() -> None:
    told = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "True", "True"]
