"""Find the rank that failed first, and its error."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path

from ftctl.domain.codec import to_plain
from ftctl.domain.job import Job, JobResult
from ftctl.errors import FtctlError, WorkerDied, from_json
from ftctl.worker.job_folder import JobFolder

TAIL = 20
"""Lines of the log of the process that failed."""


def report_failure(place: JobFolder, job: Job, codes: Mapping[int, int], logs: Mapping[int, Path]) -> FtctlError:
    """Write ``error.json`` for the job and return that error.

    A killed process failed first, since the errors of others follow from its loss. Otherwise the first that wrote an
    error did.

    Args:
        place: the job's folder, where processes left ``error-RANK.json``.
        job: the job.
        codes: exit codes by rank of those that failed; negative for a signal.
        logs: what they printed, by rank.
    """
    written = {int(file.stem.removeprefix("error-")): file for file in place.path.glob("error-*.json")}
    killed = [rank for rank, code in codes.items() if code < 0 and code != -signal.SIGTERM and rank not in written]
    if killed or not written:
        rank = min(killed or codes, default=0)
        error: FtctlError = _died(job, rank, codes.get(rank), _tail(logs.get(rank)) or place.tail())
    else:
        rank = min(written, key=lambda rank: written[rank].stat().st_mtime_ns)
        error = from_json(json.loads(written[rank].read_text(encoding="utf-8")))
        if isinstance(error, FtctlError) and error.exit_code == WorkerDied.exit_code:
            error = type(error)(
                f"rank {rank}: {error.what}", next_step=error.next_step, details=_tail(logs.get(rank)) or error.details
            )
    place.write("error.json", error.to_json())
    return error


def report_help(place: JobFolder, machine: int) -> None:
    """Write ``result.json`` of a machine whose processes only helped."""
    place.write("result.json", to_plain(JobResult(None, (), {"machine": machine, "outcome": "on machine 0"})))


def _died(job: Job, rank: int, code: int | None, tail: tuple[str, ...]) -> WorkerDied:
    how = "was lost, or did not start" if code is None else f"ended with code {code}"
    if code is not None and code < 0:
        how = f"was killed by signal {-code}" + (" (often out of memory)" if code == -signal.SIGKILL else "")
    step = "run the same command to go on from the last checkpoint"
    return WorkerDied(f"rank {rank} of stage {job.stage} {how}", next_step=step, details=tail)


def _tail(log: Path | None) -> tuple[str, ...]:
    if log is None or not log.exists():
        return ()
    text = log.read_bytes()[-16384:].decode(errors="replace")
    return tuple(line for line in text.splitlines() if line.strip())[-TAIL:]
