"""The result of a run, as ``--json`` prints it."""

from typing import Any

from attrs import define, field

from ftctl.application.gates import Metrics
from ftctl.domain.codec import to_plain
from ftctl.domain.launch import Endpoint


@define
class RunResult:
    """Status, stages, metrics, endpoint, report and gates of a run; filled in while it goes."""

    run_id: str
    status: str = "running"
    stages: list[dict[str, Any]] = field(factory=list)
    metrics: Metrics = field(factory=dict)
    endpoint: Endpoint | None = None
    report: str = ""
    preview: dict[str, Any] | None = None
    gates: list[dict[str, Any]] = field(factory=list)
    error: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """Return the JSON document."""
        metrics = {s: {name: to_plain(m) for name, m in found.items()} for s, found in self.metrics.items()}
        document = {
            "run_id": self.run_id,
            "status": self.status,
            "stages": self.stages,
            "metrics": metrics,
            "endpoint": to_plain(self.endpoint) if self.endpoint else None,
            "report": self.report,
        }
        document |= {"preview": self.preview} if self.preview else {}
        document |= {"gates": self.gates} if self.gates else {}
        return document | ({"error": self.error} if self.error else {})
