"""What `jailbreak` takes beside the scanner garak, for as many questions to the same server, which answers at once.

``python tests/bench/scan.py`` prints the medians of rounds that take turns. Of ftctl the whole command is measured, its
data stage with it, and its stage alone, from the start of its process to its artifact; of garak its command from start
to end, with eight questions at a time as ftctl has. Needs ``ftctl env create garak``.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.functional.small import small_run
from tests.openai_server import FakeService, serving

from ftctl.domain.interpreter import Interpreter
from ftctl_adapters.environments.local import LocalEnvironments

PROBES = "probes.promptinject.HijackHateHumans"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, serving(FakeService(lambda body: "I will not.")) as service:
        folder = Path(place)
        scanner = LocalEnvironments(folder).enter("garak")
        whole, stage, theirs = [], [], []
        for number in range(given.rounds):
            service.bodies.clear()
            seconds, alone = jailbreak(folder, service.url, number)
            whole.append(seconds)
            stage.append(alone)
            asked = len(service.bodies)
            service.bodies.clear()
            theirs.append(garak(folder, scanner, service.url, asked))
            print(f"ftctl {asked} questions, {seconds:.1f} s; garak {len(service.bodies)}, {theirs[-1]:.1f} s")
        command, alone, other = map(statistics.median, (whole, stage, theirs))
        print(f"garak {other:.1f} s; ftctl {command:.1f} s, {command / other:.2f} x; its stage {alone:.1f} s, "
              f"{alone / other:.2f} x")  # fmt: skip


def jailbreak(folder: Path, url: str, number: int) -> tuple[float, float]:
    """Seconds of the command and of its stage; a new data set each time, so that nothing is known already."""
    small_run(folder, evaluators=["jailbreak"], endpoint={"url": url, "model": "served"}, seed=number)
    started = time.perf_counter()
    command = [sys.executable, "-m", "ftctl_adapters.cli", "evaluate", "run.yaml", "--json"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    return seconds, next(one["seconds"] for one in json.loads(done.stdout)["stages"] if one["plugin"] == "jailbreak")


def garak(folder: Path, scanner: Interpreter, url: str, questions: int) -> float:
    generator = {"uri": f"{url}/", "suppressed_params": ["n"], "max_tokens": 64}
    config = {
        "system": {"parallel_attempts": 8, "lite": True},
        "run": {"generations": 1, "seed": 1, "soft_probe_prompt_cap": questions},
        "plugins": {"target_type": "openai.OpenAICompatible", "target_name": "served",
                    "generators": {"openai": {"OpenAICompatible": generator}}},
        "reporting": {"report_dir": str(folder)},
    }  # fmt: skip
    (folder / "garak.json").write_text(json.dumps(config))
    homes = {name: str(folder / "home") for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    started = time.perf_counter()
    command = [scanner.path, "-m", "garak", "--config", "garak.json", "--spec", PROBES, "--report_prefix", "alone"]
    subprocess.run(
        command,
        cwd=folder,
        env=os.environ | scanner.variables | homes | {"OPENAICOMPATIBLE_API_KEY": "x"},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
