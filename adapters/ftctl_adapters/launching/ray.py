"""``python -m ftctl_adapters.launching.ray JOB SETTINGS``: the processes of a job as workers of a Ray cluster."""

import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from ftctl.errors import BackendFailed
from ftctl.worker.heartbeat import Heartbeat
from ftctl.worker.job_folder import JobFolder
from ftctl.worker.work import work
from ftctl_adapters.launching.rank_failure import report_failure
from ftctl_adapters.launching.ray_cluster import reach

STOP = "stop"
"""A file in the job's folder that asks the workers, wherever they are, to stop."""


def main(folder: Path, settings: dict[str, Any]) -> int:
    """Run the job on the cluster and return the exit code."""
    place = JobFolder(folder)
    with Heartbeat(place.heartbeat()):
        try:
            reach(settings["address"], "tuner.address")
        except BackendFailed as error:
            place.write("error.json", error.to_json())
            return error.status
        return _run(place, settings)


def _run(place: JobFolder, settings: dict[str, Any]) -> int:
    import ray
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    # going on after a failure is the same command again, not Ray's; a cluster that is too small ends the run
    no_retries = FailureConfig(max_failures=0, controller_failure_limit=0, max_preemption_failures=0)
    scaling = ScalingConfig(
        num_workers=settings["num_workers"],
        use_gpu=settings["use_gpu"],
        resources_per_worker={"CPU": settings["cpus_per_worker"]},
        placement_strategy="SPREAD",
    )
    with tempfile.TemporaryDirectory(prefix="ftctl-ray-") as records:
        try:
            ray.init(address=settings["address"])
            # after Ray has set handlers of its own, which would leave the workers no time for a checkpoint
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: (place.path / STOP).touch())
            TorchTrainer(
                part,
                train_loop_config={"folder": str(place.path)},
                scaling_config=scaling,
                torch_config=TorchConfig(backend="nccl" if settings["use_gpu"] else "gloo"),
                run_config=RunConfig(storage_path=records, failure_config=no_retries),
            ).fit()
        except Exception as error:
            # what Ray says is for the log; why a worker failed is in the job's folder
            print(error, file=sys.stderr, flush=True)
            return report_failure(place, place.job(), {}, {}).status
        finally:
            ray.shutdown()
    return 0


def part(config: dict[str, Any]) -> None:
    """Run one rank inside a Ray worker.

    Raises:
        RuntimeError: it failed; why is in the job's folder.
    """
    place, rank = JobFolder(Path(config["folder"])), int(os.environ["RANK"])
    with Heartbeat(place.heartbeat(rank)):
        code = work(place, (place.path / STOP).exists, rank)
    if code:
        raise RuntimeError(f"rank {rank} ended with code {code}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
