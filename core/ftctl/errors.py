"""User-facing errors with stable codes and exit codes; each port has one more beside its interface, in `ftctl.ports`.

::

    FtctlError                    70  a bug in ftctl
    ├── UsageError                 2  the command or the run file
    │   └── ConfigInvalid             config-invalid        problems in the run file, all at once
    ├── DataError                  3  the training data
    │   ├── RowsInvalid               rows-invalid          rows refused, all of one file at once
    │   ├── NoUsableRows              no-usable-rows        nothing left to train or measure on
    │   ├── LabelsInvalid             labels-invalid        the label mask would train the wrong thing
    │   ├── DataContractBroken        contract-broken       rows that a declared contract forbids
    │   └── BudgetSpent               budget-spent          tokens of a model that is asked, resumable
    ├── IntegrityError             4  bytes that are not what they should be
    │   ├── DataChanged               data-changed          a source changed while it was read
    │   ├── ArtifactCorrupt           artifact-corrupt      a stored file differs from its hash
    │   ├── ModelUnsafe               model-unsafe          a model that could run code or cannot be read safely
    │   ├── ModelMismatch             model-mismatch        adapter, base and tokenizer do not belong together
    │   ├── RunDamaged                run-damaged           a run's record that cannot be read
    │   ├── WorkspaceUnsafe           workspace-unsafe      a link that leads out of the workspace
    │   └── ServedDifferently         served-differently    the server does not answer as the tuned model did
    ├── ResourceError              5  disk or memory
    │   ├── DiskFull                  disk-full
    │   ├── WorkspaceUnusable         workspace-unusable    the workspace cannot be written
    │   └── ResourceExhausted         resource-exhausted    out of memory, file handles
    ├── BackendError               6  a backend or plugin failed
    │   ├── BackendFailed             backend-failed
    │   ├── Unanswered                unanswered            a model that is measured left too much unanswered
    │   ├── PluginBroken              plugin-broken         it cannot be imported
    │   ├── WorkerDied                worker-died
    │   ├── WorkerStalled             worker-stalled
    │   ├── ServerDied                server-died
    │   ├── ServerNotReady            server-not-ready
    │   └── PortBusy                  port-busy
    ├── GateError                  7  a gate failed or is inconclusive
    │   ├── GateRefused               gate-refused
    │   └── TrainingDiverged          training-diverged
    ├── RunBusy                   75  run-busy              another process owns this run
    └── Interrupted         130, 143  interrupted           stopped by a signal, resumable
"""

from typing import Any, ClassVar

from ftctl.redact import redacted

__all__ = [
    "ArtifactCorrupt",
    "BackendError",
    "BackendFailed",
    "BudgetSpent",
    "ConfigInvalid",
    "DataChanged",
    "DataContractBroken",
    "DataError",
    "DiskFull",
    "FtctlError",
    "GateError",
    "GateRefused",
    "IntegrityError",
    "Interrupted",
    "LabelsInvalid",
    "ModelMismatch",
    "ModelUnsafe",
    "NoUsableRows",
    "PluginBroken",
    "PortBusy",
    "ResourceError",
    "ResourceExhausted",
    "RowsInvalid",
    "RunBusy",
    "RunDamaged",
    "ServedDifferently",
    "ServerDied",
    "ServerNotReady",
    "TrainingDiverged",
    "Unanswered",
    "UsageError",
    "WorkerDied",
    "WorkerStalled",
    "WorkspaceUnsafe",
    "WorkspaceUnusable",
]


class FtctlError(Exception):
    """Base of all errors: one line with what happened, where and why, and what to do next; never a secret."""

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 70

    def __init__(self, what: str, *, next_step: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(redacted(what))
        self.what = redacted(what)
        self.next_step = redacted(next_step)
        self.details = tuple(map(redacted, details))

    @property
    def status(self) -> int:
        """Exit code of this error."""
        return self.exit_code

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object from which `from_json` makes an equal error in another process."""
        return {
            "code": self.code,
            "what": self.what,
            "next_step": self.next_step,
            "details": list(self.details),
            "exit_code": self.status,
        }


class UsageError(FtctlError):
    """Wrong command line or configuration."""

    code, exit_code = "usage", 2


class ConfigInvalid(UsageError):
    """Problems of a run file; `details` holds one line each, with the path of the key."""

    code = "config-invalid"


class DataError(FtctlError):
    """Unusable data."""

    code, exit_code = "data", 3


class RowsInvalid(DataError):
    """Rows that were refused; `details` holds one line a reason, with the first places where it was met."""

    code = "rows-invalid"


class NoUsableRows(DataError):
    """No row is left to work with."""

    code = "no-usable-rows"


class LabelsInvalid(DataError):
    """Labels cannot be made of an example under this chat template."""

    code = "labels-invalid"


class BudgetSpent(DataError):
    """The token budget is used up; answers received so far are kept."""

    code = "budget-spent"


class DataContractBroken(DataError):
    """Rows that a declared contract forbids; `details` holds the place and the reason of each."""

    code = "contract-broken"


class IntegrityError(FtctlError):
    """A file is not what it must be."""

    code, exit_code = "integrity", 4


class DataChanged(IntegrityError):
    """Data changed between planning and reading."""

    code = "data-changed"


class ArtifactCorrupt(IntegrityError):
    """A stored file differs from its manifest."""

    code = "artifact-corrupt"


class ModelUnsafe(IntegrityError):
    """A model folder contains what could run code or break a reader."""

    code = "model-unsafe"


class ModelMismatch(IntegrityError):
    """A model of another kind or with tensors missing, or an adapter of another base."""

    code = "model-mismatch"


class RunDamaged(IntegrityError):
    """A file that a run recorded cannot be read."""

    code = "run-damaged"


class WorkspaceUnsafe(IntegrityError):
    """A link below the workspace leads elsewhere."""

    code = "workspace-unsafe"


class ServedDifferently(IntegrityError):
    """A server does not answer as the tuned model did."""

    code = "served-differently"


class ResourceError(FtctlError):
    """A resource is exhausted."""

    code, exit_code = "resource", 5


class DiskFull(ResourceError):
    """Not enough disk space."""

    code = "disk-full"


class WorkspaceUnusable(ResourceError):
    """The workspace folder cannot be written."""

    code = "workspace-unusable"


class ResourceExhausted(ResourceError):
    """Out of memory or file handles."""

    code = "resource-exhausted"


class BackendError(FtctlError):
    """A backend or a plugin failed."""

    code, exit_code = "backend", 6


class BackendFailed(BackendError):
    """A backend raised an error of its own."""

    code = "backend-failed"


class Unanswered(BackendError):
    """More requests failed than ``max_error_rate`` allows."""

    code = "unanswered"


class PluginBroken(BackendError):
    """A plugin cannot be loaded, or breaks the contract of its port."""

    code = "plugin-broken"


class WorkerDied(BackendError):
    """A worker process ended without a result."""

    code = "worker-died"


class WorkerStalled(BackendError):
    """A worker process is alive but does nothing."""

    code = "worker-stalled"


class ServerDied(BackendError):
    """A server process ended."""

    code = "server-died"


class ServerNotReady(BackendError):
    """A server did not become ready in time."""

    code = "server-not-ready"


class PortBusy(BackendError):
    """The port is in use."""

    code = "port-busy"


class GateError(FtctlError):
    """A measured value refuses the model."""

    code, exit_code = "gate", 7


class GateRefused(GateError):
    """A gate did not pass."""

    code = "gate-refused"


class TrainingDiverged(GateError):
    """The training loss diverged."""

    code = "training-diverged"


class RunBusy(FtctlError):
    """Another process owns this run."""

    code, exit_code = "run-busy", 75


class Interrupted(FtctlError):
    """Stopped by SIGINT or SIGTERM after the work so far was made safe."""

    code, exit_code = "interrupted", 143

    def __init__(self, what: str, *, signal_number: int = 15, **rest: Any) -> None:
        super().__init__(what, **rest)
        self.signal_number = signal_number

    @property
    def status(self) -> int:
        return 128 + self.signal_number


class SignalArrived(BaseException):
    """Signal as an exception that no plugin's ``except Exception`` can swallow."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__(name)
        self.number, self.name = number, name

    def as_error(self) -> Interrupted:
        """Return the error to show to the user."""
        step = "run the same command to go on"
        return Interrupted(f"stopped by {self.name}", signal_number=self.number, next_step=step)


def all_errors(base: type[FtctlError] = FtctlError) -> list[type[FtctlError]]:
    """Return all error classes, the base first, in order of definition."""
    return [base, *(found for child in base.__subclasses__() for found in all_errors(child))]


def from_json(document: dict[str, Any]) -> FtctlError:
    """Return the error that `FtctlError.to_json` wrote; an unknown code becomes a `BackendFailed`."""
    kinds = {kind.code: kind for kind in all_errors()}
    kind = kinds.get(str(document.get("code")), BackendFailed)
    details = tuple(str(line) for line in document.get("details", ()))
    extra = {"signal_number": int(document.get("exit_code", 143)) - 128} if kind is Interrupted else {}
    return kind(str(document.get("what", "")), next_step=str(document.get("next_step", "")), details=details, **extra)
