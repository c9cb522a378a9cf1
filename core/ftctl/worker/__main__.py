"""``python -m ftctl.worker JOB_DIR``: exit code 0 with ``result.json``, or another with ``error.json``."""

import contextlib
import resource
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from attrs import evolve

from ftctl.domain.codec import to_plain
from ftctl.worker.execute import execute
from ftctl.worker.failure import as_ftctl_error
from ftctl.worker.job_folder import BEAT_SECONDS, JobFolder

RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""``ru_maxrss`` counts bytes on macOS, KiB on Linux."""


def main(folder: Path) -> int:
    """Runs the job of this folder and returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    place = JobFolder(folder)
    threading.Thread(target=_beat, args=(place,), daemon=True).start()
    job = place.job()
    try:
        result = execute(job, place.context(job, place.append, stop.is_set))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT
    except BaseException as error:
        traceback.print_exc()
        known = as_ftctl_error(error, job)
        with contextlib.suppress(OSError):
            place.write("error.json", known.to_json())
        return known.status
    place.write("result.json", to_plain(evolve(result, peak_rss_bytes=peak)))
    return 0


def _beat(place: JobFolder) -> None:
    """Says every second that this process is scheduled; one that is stopped or starved falls silent."""
    while True:
        place.heartbeat.touch()
        time.sleep(BEAT_SECONDS)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
