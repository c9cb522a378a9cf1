"""``python -m ftctl.worker JOB_DIR``: exit code 0 with ``result.json``, or another with ``error.json``.

``python -m ftctl.worker describe`` tells what this interpreter could run.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

from ftctl.worker.describe import describe
from ftctl.worker.exit import finish_up
from ftctl.worker.heartbeat import Heartbeat
from ftctl.worker.job_folder import JobFolder
from ftctl.worker.spin_control import SpinControl
from ftctl.worker.work import work

PARENT_SECONDS = 0.5


def main(folder: Path) -> NoReturn:
    """Run the job of this folder, or this process's part of it, and leave; signs of life last until then."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    place, rank = JobFolder(folder), int(os.environ["RANK"]) if "RANK" in os.environ else None
    if rank is not None:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    with Heartbeat(place.heartbeat(rank)), SpinControl():
        code = work(place, stop.is_set, rank)
        finish_up()
    os._exit(code)


def _end_with(parent: int) -> None:
    """End this process when its launcher is gone, since it is in no group that anybody else would end."""
    gone = threading.Event()
    while os.getppid() == parent:
        gone.wait(PARENT_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    if sys.argv[1:] == ["describe"]:
        print(describe())
        sys.exit(0)
    main(Path(sys.argv[1]))
