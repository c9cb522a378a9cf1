"""Execute a job, or a rank's part of it, and write the result."""

import contextlib
import os
import resource
import sys
import traceback
from collections.abc import Callable

from attrs import evolve

from ftctl.domain.codec import to_plain
from ftctl.private_workspace import PRIVATE
from ftctl.worker.error_mapping import as_ftctl_error
from ftctl.worker.execute import execute
from ftctl.worker.job_folder import JobFolder

PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
"""Whose memory is told: the largest of the process and those that it started and waited for."""

RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""``ru_maxrss`` counts bytes on macOS, KiB on Linux."""


def work(place: JobFolder, cancelled: Callable[[], bool], rank: int | None) -> int:
    """Run the job, writes down what came of it, and returns the exit code.

    Args:
        place: the job's folder.
        cancelled: whether the job was asked to stop.
        rank: of this process among those that do the job together, of which the first writes and tells; ``None``
            where it is alone.
    """
    first = not rank
    # a process of a cluster has the umask of whoever started that
    os.umask(PRIVATE)
    job = place.job()
    try:
        result = execute(job, place.context(job, place.append if first else lambda event: None, cancelled))
    except BaseException as error:
        traceback.print_exc()
        known = as_ftctl_error(error, job)
        with contextlib.suppress(OSError):
            place.write("error.json" if rank is None else f"error-{rank}.json", known.to_json())
        return known.status
    if first:
        peak = max(resource.getrusage(whose).ru_maxrss for whose in PROCESSES) * RSS_UNIT
        place.write("result.json", to_plain(evolve(result, peak_rss_bytes=peak)))
    return 0
