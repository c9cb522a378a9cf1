"""Run a program isolated: no network, few files, few processes.

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

UNABLE, TOO_LONG, TOO_MANY, TOO_LARGE = 201, 202, 203, 204
"""It could not be shut off or started; it ran too long; it started too many processes; they took too much memory."""

NEW_NAMESPACES = 0x10000000 | 0x40000000 | 0x00020000 | 0x20000000 | 0x08000000 | 0x04000000
"""Of users, network, mounts, processes, IPC and host name (linux/sched.h)."""
MS_NOSUID, MS_NODEV, MS_BIND, MS_RECURSIVE, MS_PRIVATE = 1 << 1, 1 << 2, 1 << 12, 1 << 14, 1 << 18
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE = 442, -100, 0x8000
READ_ONLY, NO_SUID, NO_DEVICES = 1, 2, 4
"""The system call has one number on all architectures (linux/mount.h)."""
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, CAPABILITIES = 1, 24, 38, 41
DEVICES = ("null", "zero", "urandom")
ROOT, HOME = "/sys", "/home-of-nobody"
"""A folder that every Linux has, and that nothing here is in; what is mounted there nobody else sees."""
POLL_SECONDS = 0.01
BUSY_FACTOR = 15
"""Times its seconds that a program may take, if it waits for a core for the rest."""
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
    """Enter namespaces, run the program in them, and end with its code."""
    # whoever is killed takes this along, this the first process, and that everything else
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    try:
        enter_namespaces()
        first = os.fork()
        if first == 0:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            limit_processes()
            make_root(limits["kept"])
            os._exit(supervise(limits, program))
    except OSError as error:
        print(f"confine: {error.strerror}: {error.filename}", file=sys.stderr)
        os._exit(UNABLE)
    os._exit(watch(first, limits["memory_mb"] << 20, limits["seconds"]))


def watch(first: int, most: int, seconds: float) -> int:
    """Wait for the first process and return its code; end it when it exceeds its memory, with all it started, or time.

    Time in which it waits for a core does not count: on a busy machine it is not the program that is slow.
    """
    started = time.monotonic()
    while True:
        ended, status = os.waitpid(first, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) & 0xFF
        took = time.monotonic() - started
        late = took > seconds and took - waited(first) > seconds
        if late or resident(first) > most:
            os.kill(first, signal.SIGKILL)
            os.waitpid(first, 0)
            return TOO_LONG if late else TOO_LARGE
        time.sleep(POLL_SECONDS)


def waited(process: int) -> float:
    """Return the seconds that a process, or the descendant for which it waits, was ready to run and had no core."""
    longest = total = 0.0
    with contextlib.suppress(OSError, ValueError, IndexError):
        total = int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9
        for listed in Path(f"/proc/{process}/task").glob("*/children"):
            for child in map(int, listed.read_text().split()):
                longest = max(longest, waited(child))
    return total + longest


def resident(process: int) -> int:
    """Return the bytes in memory of all descendants; shared ones count once."""
    total = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        for listed in Path(f"/proc/{process}/task").glob("*/children"):
            for child in map(int, listed.read_text().split()):
                total += share(child) + resident(child)
    return total


def share(process: int) -> int:
    """Return the proportional set size of a process in bytes."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) << 10
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()


def enter_namespaces() -> None:
    """Unshare user, network, mount, PID, IPC and UTS namespaces."""
    user, group = os.getuid(), os.getgid()
    checked(libc.unshare(NEW_NAMESPACES), "namespaces")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def limit_processes() -> None:
    """Limit processes by the namespace's own limit, since RLIMIT_NPROC does not hold root.

    Before, it is that of the whole machine, and `supervise` alone keeps the bound.
    """
    release = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
    if release >= OWN_NUMBERS:
        with contextlib.suppress(OSError):
            Path("/proc/sys/kernel/pid_max").write_text(f"{FEWEST_NUMBERS}")
    for name in ("shmall", "msgmni"):
        # memory that belongs to no process
        with contextlib.suppress(OSError):
            Path(f"/proc/sys/kernel/{name}").write_text("0")


def make_root(kept: list[str]) -> None:
    """Make a root file system of the kept paths, read-only, with three devices and a home in memory."""
    mount("none", "/", None, MS_RECURSIVE | MS_PRIVATE)
    mount("tmpfs", ROOT, "tmpfs", MS_NOSUID, "size=1m,mode=755")
    for path in kept:
        place = Path(f"{ROOT}{path}")
        place.parent.mkdir(parents=True, exist_ok=True)
        if Path(path).is_symlink():
            place.symlink_to(Path(path).readlink())
        else:
            place.mkdir(exist_ok=True) if Path(path).is_dir() else place.touch()
            mount(path, str(place), None, MS_BIND | MS_RECURSIVE)
            restrict(str(place), READ_ONLY | NO_SUID | NO_DEVICES, AT_RECURSIVE)
    Path(ROOT, "dev").mkdir()
    for name in DEVICES:
        Path(ROOT, "dev", name).touch()
        mount(f"/dev/{name}", f"{ROOT}/dev/{name}", None, MS_BIND)
    Path(f"{ROOT}{HOME}").mkdir()
    if not Path(ROOT, "tmp").exists():
        Path(ROOT, "tmp").symlink_to(HOME)
    mount("tmpfs", f"{ROOT}{HOME}", "tmpfs", MS_NOSUID | MS_NODEV, f"size={WRITABLE_MB}m")
    restrict(ROOT, READ_ONLY | NO_SUID, 0)


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """Mount ``source`` at ``target`` (mount(2))."""
    given = kind.encode() if kind else None
    checked(libc.mount(source.encode(), target.encode(), given, flags, data.encode()), target)


def restrict(target: str, attributes: int, flags: int) -> None:
    """Set mount attributes (mount_setattr(2))."""
    given = Attributes(attributes, 0, 0, 0)
    size = ctypes.sizeof(given)
    checked(libc.syscall(MOUNT_SETATTR, AT_FDCWD, target.encode(), flags, ctypes.byref(given), size), target)


def checked(result: int, what: str) -> None:
    """Raise `OSError` if a libc call failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def supervise(limits: dict[str, Any], program: list[str]) -> int:
    """Run the program as PID 1's child; when PID 1 ends, the kernel kills everything in its namespace."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            run(limits, program)
        except (OSError, ValueError, OverflowError) as error:
            os.write(tell, f"confine: {error}".encode())
            os._exit(UNABLE)
    os.close(tell)
    # it closes when the program begins
    if failed := os.read(told, 1000):
        os.write(2, failed)
        return UNABLE
    started = time.monotonic()
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status) & 0xFF
            # it cannot pass for one of ours
            return 1 if code in (UNABLE, TOO_LONG, TOO_MANY, TOO_LARGE) else code
        if time.monotonic() - started > limits["seconds"] * BUSY_FACTOR:
            return TOO_LONG
        # the last process number that was given out in this namespace
        if int(Path("/proc/loadavg").read_text().split()[-1]) > limits["processes"]:
            return TOO_MANY
        time.sleep(POLL_SECONDS)


def run(limits: dict[str, Any], program: list[str]) -> NoReturn:
    """Enter the root, drop capabilities, set limits, and exec the program."""
    # nobody in here can make a namespace of users, and with it rights of their own (user_namespaces(7))
    os.chroot(ROOT)
    os.chdir(HOME)
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
