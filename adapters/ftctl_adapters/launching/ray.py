"""``python -m ftctl_adapters.launching.ray JOB SETTINGS``: the processes of a job as workers of a Ray cluster."""

import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from ftctl.errors import BackendFailed
from ftctl.worker.job_folder import JobFolder
from ftctl.worker.work import work
from ftctl_adapters.launching.outcome import report_failure

STOP = "stop"
"""A file in the job's folder that asks the workers, wherever they are, to stop."""


def main(folder: Path, settings: dict[str, Any]) -> int:
    """Runs the job on the cluster and returns the exit code."""
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    place = JobFolder(folder)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: (folder / STOP).touch())
    try:
        ray.init(address=settings["address"], log_to_driver=True)
    except (ConnectionError, ValueError) as error:
        step = "start it with `ray start --head`, and give tuner.address"
        place.write(
            "error.json", BackendFailed(f"no Ray cluster at {settings['address']}: {error}", next_step=step).to_json()
        )
        return BackendFailed.exit_code
    scaling = ScalingConfig(
        num_workers=settings["num_workers"],
        use_gpu=settings["use_gpu"],
        resources_per_worker={"CPU": settings["cpus_per_worker"]},
        placement_strategy="SPREAD",
    )
    with tempfile.TemporaryDirectory(prefix="ftctl-ray-") as records:
        trainer = TorchTrainer(
            part,
            train_loop_config={"folder": str(folder)},
            scaling_config=scaling,
            torch_config=TorchConfig(backend="nccl" if settings["use_gpu"] else "gloo"),
            run_config=RunConfig(storage_path=records),
        )
        try:
            trainer.fit()
        except Exception as error:
            print(error, file=sys.stderr, flush=True)
            return report_failure(place, place.job(), {}, {}).status
        finally:
            ray.shutdown()
    return 0


def part(config: dict[str, Any]) -> None:
    """What each worker runs.

    Raises:
        RuntimeError: it failed; why is in the job's folder.
    """
    folder = Path(config["folder"])
    code = work(JobFolder(folder), (folder / STOP).exists, int(os.environ["RANK"]))
    if code:
        raise RuntimeError(f"rank {os.environ['RANK']} ended with code {code}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
