"""Domain values: frozen, without any technology."""

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.encoded import IGNORED, Encoded
from ftctl.domain.event import Event
from ftctl.domain.example import Example, Message, Prompt, Rejection
from ftctl.domain.golden import GoldenCase
from ftctl.domain.launch import Address, Endpoint, LaunchSpec
from ftctl.domain.metric import Metric, mean_metric
from ftctl.domain.outcome import Derived, Dropped, Fate, Outcome
from ftctl.domain.report import Report
from ftctl.domain.resources import ModelShape, ResourcePlan
from ftctl.domain.sweep import Sweep
from ftctl.domain.tool_call import ToolCall
from ftctl.domain.verdict import Verdict

__all__ = [
    "IGNORED",
    "Address",
    "Artifact",
    "Derived",
    "Draft",
    "Dropped",
    "Encoded",
    "Endpoint",
    "Event",
    "Example",
    "Fate",
    "GoldenCase",
    "LaunchSpec",
    "Message",
    "Metric",
    "ModelShape",
    "Outcome",
    "Prompt",
    "Rejection",
    "Report",
    "ResourcePlan",
    "Sweep",
    "ToolCall",
    "Verdict",
    "mean_metric",
]
