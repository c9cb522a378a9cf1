"""Processes of a forked job: the guard that leads its group, and the one that runs its module."""

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
from pathlib import Path
from typing import Any, NoReturn

from attrs import frozen

from ftctl.plugin.offer import load
from ftctl.private_workspace import PRIVATE
from ftctl.worker.exit import leave

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@frozen
class ForkRequest:
    """``python -m module arguments`` in ``folder``, with these variables of the environment and no others.

    ``refresh`` names a function (``package.module:function``) that is called with the variables first. It gives the
    process what must not be shared with other forks.
    """

    module: str
    arguments: list[str]
    variables: dict[str, str]
    folder: str
    refresh: str


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
        # nobody may be there any more, and then nothing is started
        control.send(json.dumps({"pid": os.getpid()}).encode())
        job = os.fork()
        if job == 0:
            control.close()
            _run(request)
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
        load(request.refresh)(request.variables)
        gc.enable()
        os.environ.clear()
        os.environ.update(request.variables)
        # the fork server may be older than the command, and of another shell
        os.umask(PRIVATE)
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
