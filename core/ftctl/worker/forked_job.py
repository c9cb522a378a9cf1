"""The two processes of a forked job: the guard that leads its group, and the one that runs its module."""

import contextlib
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from attrs import frozen

from ftctl.worker.exit import leave

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@frozen
class ForkRequest:
    """``python -m module arguments`` in ``folder``, with these variables of the environment and no others."""

    module: str
    arguments: list[str]
    variables: dict[str, str]
    folder: str


def become_guard(request: ForkRequest, control: socket.socket, log: int) -> NoReturn:
    """Lead a new session, fork the job into it, and end with the job, or kill the group when ftctl is gone.

    Args:
        request: what to run.
        control: is told ``{"pid": …}``, then ``{"code": …}``; ends when ftctl does, however it went.
        log: a descriptor that takes standard output and error.
    """
    code = 70
    try:
        os.setsid()
        _redirect(log)
        for number in SIGNALS:
            # the whole group is asked to stop; the guard stays until the job has
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        job = os.fork()
        if job == 0:
            control.close()
            _run(request)
        control.send(json.dumps({"pid": os.getpid()}).encode())
        code = _watch(job, control)
        with contextlib.suppress(OSError):
            control.send(json.dumps({"code": code}).encode())
    finally:
        os._exit(code)


def _redirect(log: int) -> None:
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)


def _watch(job: int, control: socket.socket) -> int:
    """Wait for the job's end: its exit code, or 128 + N where signal N ended it."""
    handle = os.pidfd_open(job)
    waiting = select.poll()
    waiting.register(handle, select.POLLIN)
    waiting.register(control, select.POLLIN)
    while True:
        ended = {number for number, _ in waiting.poll()}
        if handle in ended:
            code = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
            return code if code >= 0 else 128 - code
        if control.fileno() in ended:
            os.killpg(0, signal.SIGKILL)


def _run(request: ForkRequest) -> NoReturn:
    """Run the module as ``python -m`` would, in this process, and leave it."""
    code: Any = 1
    try:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        _refresh(request.variables)
        os.environ.clear()
        os.environ.update(request.variables)
        os.chdir(request.folder)
        sys.argv = [request.module, *request.arguments]
        runpy.run_module(request.module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code
        if code is not None and not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
    finally:
        leave(code or 0)


def _refresh(variables: Mapping[str, str]) -> None:
    """Give this process what every process has of its own: random numbers, threads of linear algebra."""
    random: Any = sys.modules.get("numpy.random")
    if random:
        random.seed()
    if "numpy" in sys.modules:
        # it was imported with one thread, for none survives a fork
        with contextlib.suppress(ImportError):
            from threadpoolctl import ThreadpoolController

            wanted = variables.get("OPENBLAS_NUM_THREADS") or variables.get("OMP_NUM_THREADS") or ""
            threads = int(wanted) if wanted.isdecimal() else os.cpu_count() or 1
            ThreadpoolController().select(internal_api="openblas").limit(limits=threads)
    gc.enable()
