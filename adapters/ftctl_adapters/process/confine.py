"""A program that runs another one shut off: no network, nothing to write to, few processes.

Run as ``python -I -S confine.py LIMITS PROGRAM…`` with the limits as JSON; ends with the program's code, or one of
those below. It needs the standard library alone. Linux only, by namespaces (namespaces(7)), and no right but to make
them.
"""

import contextlib
import ctypes
import json
import os
import re
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

UNABLE, TOO_LONG, TOO_MANY = 201, 202, 203
"""It could not be shut off; it ran too long; it started too many processes."""

NEW_NAMESPACES = 0x10000000 | 0x40000000 | 0x00020000 | 0x20000000 | 0x08000000 | 0x04000000
"""Of users, network, mounts, processes, IPC and host name (linux/sched.h)."""
MS_PRIVATE, MS_RECURSIVE, MS_NOSUID, MS_NODEV = 1 << 18, 1 << 14, 1 << 1, 1 << 2
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, ATTR_READ_ONLY = 442, -100, 0x8000, 1
"""The system call has one number on all architectures (linux/mount.h)."""
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, CAPABILITIES = 24, 38, 41
POLL_SECONDS = 0.01
OWN_NUMBERS = (6, 14)
"""The Linux from which on each namespace has a limit of process numbers of its own."""
FEWEST_NUMBERS = 301
"""No smaller a limit is taken (RESERVED_PIDS in linux/threads.h)."""
WRITABLE_MB = 64

libc = ctypes.CDLL(None, use_errno=True)


class Attributes(ctypes.Structure):
    """``struct mount_attr``."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "namespace")]


def main(limits: dict[str, Any], program: list[str]) -> NoReturn:
    try:
        enter_namespaces()
        first = os.fork()
        if first == 0:
            limit_processes()
            shut_files(limits["folder"])
            # the first process of its namespace: when it ends, the kernel kills all others there
            os._exit(supervise(limits, program))
    except OSError as error:
        print(f"confine: {error.strerror}: {error.filename}", file=sys.stderr)
        os._exit(UNABLE)
    _, status = os.waitpid(first, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def enter_namespaces() -> None:
    user, group = os.getuid(), os.getgid()
    checked(libc.unshare(NEW_NAMESPACES), "namespaces")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def limit_processes() -> None:
    """RLIMIT_NPROC holds nobody whom root has started; this does, from where on it is a namespace's own.

    Before, it is that of the whole machine, and `supervise` alone keeps the bound.
    """
    release = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
    if release >= OWN_NUMBERS:
        with contextlib.suppress(OSError):
            Path("/proc/sys/kernel/pid_max").write_text(f"{FEWEST_NUMBERS}")


def shut_files(folder: str) -> None:
    mount("none", "/", None, MS_RECURSIVE | MS_PRIVATE)
    read_only = Attributes(ATTR_READ_ONLY, 0, 0, 0)
    call = libc.syscall(MOUNT_SETATTR, AT_FDCWD, b"/", AT_RECURSIVE, ctypes.byref(read_only), ctypes.sizeof(read_only))
    checked(call, "a file system to read only")
    mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, f"size={WRITABLE_MB}m")
    os.chdir(folder)


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    given = kind.encode() if kind else None
    checked(libc.mount(source.encode(), target.encode(), given, flags, data.encode()), target)


def checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def supervise(limits: dict[str, Any], program: list[str]) -> int:
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        # however many they become, who ends them has its turn
        os.nice(19)
        run(limits, program)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status) & 0xFF
            # it cannot pass for one of ours
            return 1 if code in (UNABLE, TOO_LONG, TOO_MANY) else code
        if time.monotonic() - started > limits["seconds"]:
            return TOO_LONG
        # the last process number that was given out in this namespace
        if int(Path("/proc/loadavg").read_text().split()[-1]) > limits["processes"]:
            return TOO_MANY
        time.sleep(POLL_SECONDS)


def run(limits: dict[str, Any], program: list[str]) -> NoReturn:
    for capability in range(CAPABILITIES):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    memory = limits["memory_mb"] << 20
    bounds = {resource.RLIMIT_AS: memory, resource.RLIMIT_FSIZE: WRITABLE_MB << 20, resource.RLIMIT_NOFILE: 64}
    for kind, most in (bounds | {resource.RLIMIT_CORE: 0}).items():
        resource.setrlimit(kind, (most, most))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
