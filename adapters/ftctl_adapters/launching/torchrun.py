"""``python -m ftctl_adapters.launching.torchrun JOB SETTINGS``: torch's elastic agent over the processes of a job."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from ftctl.ports.launcher import LauncherError
from ftctl.worker.heartbeat import Heartbeat
from ftctl.worker.job_folder import JobFolder
from ftctl_adapters.launching.rank_failure import report_failure, report_help

POLL_SECONDS = 0.2
STEP = "look whether every machine runs, and reaches master_addr and master_port"
JOIN_SECONDS = 12 * 3600
"""How long machines wait for each other: one may measure the base model first."""


def main(folder: Path, settings: dict[str, Any]) -> int:
    """Start this machine's processes, end all as soon as one fails, and return the exit code."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch

    place = JobFolder(folder)
    try:
        config = _config(settings, place.path / "ranks")
        # processes that each take all cores wait for each other in every product
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // config.nproc_per_node)))
        with Heartbeat(place.heartbeat()):
            elastic_launch(config, sys.executable)("-u", "-P", "-m", "ftctl.worker", str(folder))
    except ChildFailedError as failed:
        codes = {rank: failure.exitcode for rank, failure in failed.failures.items()}
        return report_failure(place, place.job(), codes, _logs(place.path / "ranks", settings)).status
    except SignalException:
        return report_failure(place, place.job(), {}, {}).status
    except Exception as error:
        failed_to = LauncherError(f"torchrun could not bring the processes together: {error}", next_step=STEP)
        place.write("error.json", failed_to.to_json())
        return failed_to.status
    if settings["node_rank"]:
        report_help(place, settings["node_rank"])
    return 0


def _config(settings: dict[str, Any], logs: Path) -> Any:
    import torch
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
    from torch.distributed.launcher.api import LaunchConfig

    nodes = settings["nnodes"]
    alone = {"rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0"}
    together = {
        "rdzv_backend": "static",
        "rdzv_endpoint": f"{settings['master_addr']}:{settings['master_port']}",
        "rdzv_configs": {"rank": settings["node_rank"], "timeout": JOIN_SECONDS},
    }
    logs.mkdir(exist_ok=True)
    return LaunchConfig(
        min_nodes=nodes,
        max_nodes=nodes,
        nproc_per_node=settings["nproc_per_node"] or torch.cuda.device_count() or 1,
        run_id="ftctl",
        max_restarts=0,
        monitor_interval=POLL_SECONDS,
        logs_specs=DefaultLogsSpecs(log_dir=str(logs), redirects=Std.ALL, tee=Std.ALL),
        **(alone if nodes == 1 else together),
    )


def _logs(folder: Path, settings: dict[str, Any]) -> dict[int, Path]:
    """Return the standard-error logs of the last start, by rank."""
    starts = sorted(folder.glob("*/attempt_0"), key=lambda path: path.stat().st_mtime_ns)
    files = list(starts[-1].glob("*/stderr.log")) if starts else []
    before = settings["node_rank"] * len(files)
    return {before + int(file.parent.name): file for file in files}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
