"""Run one command, and end everything it started when ftctl is gone: ``python guard.py argv…``.

Standard library only and started by path, so that it costs a few milliseconds in any interpreter. Its standard input
is a pipe that ftctl holds open: when ftctl is gone, however it went, the pipe ends and the whole process group is
killed. It ends with the command's own exit code; of a command ended by signal N, 128 + N.
"""

import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    """Start the command in this process's group and wait for it."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, close_fds=False, restore_signals=True)
    threading.Thread(target=_kill_group_at_eof, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


def _kill_group_at_eof() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
