"""Signs of life of a worker: a file that is touched every second until the process is gone."""

import contextlib
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

BEAT_SECONDS = 1.0


class Heartbeat:
    """Write host and process id into ``file`` every `BEAT_SECONDS` while this is open.

    A process that is stopped, starved, or in one long call falls silent; by its id one can see which it is.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._told = file, f"{os.uname().nodename} {os.getpid()}"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """Stop touching the file and remove it."""
        self._ended.set()
        self._thread.join()
        self._file.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._ended.is_set():
            # a full disk is the job's to report, and no reason to fall silent for good
            with contextlib.suppress(OSError):
                if self._file.exists():
                    self._file.touch()
                else:
                    self._file.write_text(self._told, encoding="utf-8")
            self._ended.wait(BEAT_SECONDS)
