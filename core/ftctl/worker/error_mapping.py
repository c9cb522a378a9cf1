"""Convert exceptions of libraries into ftctl's errors."""

import errno
import re

from ftctl.domain.job import Job
from ftctl.errors import BackendFailed, DiskFull, FtctlError, ResourceExhausted
from ftctl.worker.memory_advice import memory_advice

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DISK_TEXT = re.compile(r"\(os error (28|27|122)\)")
"""How libraries written in Rust say the same."""
_HANDLES = {errno.EMFILE, errno.ENFILE}


def as_ftctl_error(error: BaseException, job: Job) -> FtctlError:
    """Return the error to show to the user; an ftctl error is returned unchanged."""
    if isinstance(error, FtctlError):
        return error
    others = [one for one in job.parts.values() if one.owner]
    where = f"stage {job.stage} ({', '.join(map(str, (*job.plugins, *others)))})"
    if (isinstance(error, OSError) and error.errno in _DISK) or _DISK_TEXT.search(str(error)):
        return DiskFull(f"{where}: disk full: {error}", next_step="free some space and run the same command again")
    if isinstance(error, OSError) and error.errno in _HANDLES:
        return ResourceExhausted(f"{where}: out of file handles: {error}", next_step="raise `ulimit -n`")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "can't allocate" in str(error):
        return ResourceExhausted(f"{where}: out of memory: {error}", next_step=memory_advice(job))
    text = f"{where} failed: {type(error).__name__}: {error}"
    return BackendFailed(text, next_step="worker.log in the stage's folder has the traceback")
