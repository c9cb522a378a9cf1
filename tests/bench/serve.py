"""How many tokens a second each server makes of one model, by `ftctl bench-serve`.

    python tests/bench/serve.py [--servers transformers,onnx,vllm] [--requests 64]

Tunes the built-in model for a minute, then serves it whole (by transformers and vLLM) and exported in float32 and in 4
bits (by the ONNX server), one after the other; answers have at most 64 tokens and end where the model ends them.
Prints each beside the first named. The environments `onnx` and `vllm` must be there.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

FTCTL = [sys.executable, "-m", "ftctl_adapters.cli"]
SERVERS: dict[str, list[str]] = {
    "transformers": ["--compressor", "none", "--server", "transformers"],
    "vllm": ["--compressor", "none", "--server", "vllm", "--set", "server.max_model_len=1024"],
    "onnx": ["--compressor", "onnx", "--server", "onnx"],
    "onnx-int4": ["--compressor", "onnx", "--set", "compressor.precision=int4", "--server", "onnx"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", default="transformers,onnx,onnx-int4,vllm")
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--concurrency", default="1,4,16")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ftctl-bench-") as folder:
        names = given.servers.split(",")
        found = {name: measured(Path(folder), SERVERS[name], given) for name in names}
    print(f"{'server':<14}{'at once':>8}{'tokens/s':>10}{'ratio':>8}{'TTFT p50':>11}{'latency p99':>13}{'errors':>8}")
    for name, levels in found.items():
        for level, first in zip(levels, found[names[0]], strict=True):
            ratio = level["tokens_per_second"] / first["tokens_per_second"]
            times = f"{level['ttft']['p50'] * 1000:>8.1f} ms{level['latency']['p99'] * 1000:>10.1f} ms"
            rates = f"{level['concurrency']:>8}{level['tokens_per_second']:>10,.0f}{ratio:>8.2f}"
            print(f"{name:<14}{rates}{times}{level['errors']:>8}")


def measured(folder: Path, named: list[str], given: Any) -> list[dict[str, Any]]:
    """The levels of one server."""
    command = [*FTCTL, "serve", "--tuner", "lora", "--set", "evaluators=[]", "--json", *named]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        endpoint = json.loads(process.stdout.readline())["endpoint"]
        sizes = ["--concurrency", given.concurrency, "--requests", str(given.requests), "--max-tokens", "64"]
        bench = [*FTCTL, "bench-serve", endpoint["url"], "--model", endpoint["model"], *sizes, "--json"]
        done = subprocess.run(bench, check=True, capture_output=True, text=True)
        levels: list[dict[str, Any]] = json.loads(done.stdout)["levels"]
        return levels
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
