"""``python -m ftctl.worker JOB_DIR``: exit code 0 with ``result.json``, or another with ``error.json``."""

import signal
import sys
import threading
import traceback
from pathlib import Path

from ftctl.domain.codec import to_plain
from ftctl.worker.execute import execute
from ftctl.worker.failure import as_ftctl_error
from ftctl.worker.job_folder import JobFolder


def main(folder: Path) -> int:
    """Runs the job of this folder and returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    place = JobFolder(folder)
    job = place.job()
    try:
        result = execute(job, place.context(job, place.append, stop.is_set))
    except BaseException as error:
        traceback.print_exc()
        known = as_ftctl_error(error, job)
        place.write("error.json", known.to_json())
        return known.status
    place.write("result.json", to_plain(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
