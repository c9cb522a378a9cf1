"""Ports: the six of the lifecycle, the secondary ones, and the context of backends."""

import warnings
from typing import Any

from ftctl.ports.compressor import Compressor, CompressorError
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import (
    DataOperator,
    DataOperatorError,
    RowOperator,
    SealOperator,
    SetOperator,
    SplitOperator,
    first_seen,
)
from ftctl.ports.data_source import DataSource, DataSourceError
from ftctl.ports.engine import Engine, EngineError
from ftctl.ports.evaluator import Evaluator, EvaluatorError
from ftctl.ports.launcher import Launcher
from ftctl.ports.missing_answers import answered
from ftctl.ports.monitor import Monitor, MonitorError
from ftctl.ports.objective import Batch, Encoder, Forward, Objective, ObjectiveError
from ftctl.ports.server import Server, ServerError
from ftctl.ports.target import Answer, EndpointAccess, LoadedModel, Score, Target
from ftctl.ports.target_loader import TargetLoader
from ftctl.ports.tuner import Tuner, TunerError
from ftctl.ports.verifier import Verifier

__all__ = [
    "Answer",
    "Batch",
    "Compressor",
    "CompressorError",
    "DataOperator",
    "DataOperatorError",
    "DataSource",
    "DataSourceError",
    "Encoder",
    "EndpointAccess",
    "Engine",
    "EngineError",
    "Evaluator",
    "EvaluatorError",
    "Forward",
    "Launcher",
    "LoadedModel",
    "Monitor",
    "MonitorError",
    "Objective",
    "ObjectiveError",
    "RowOperator",
    "Score",
    "SealOperator",
    "Server",
    "ServerError",
    "SetOperator",
    "SplitOperator",
    "StageContext",
    "Target",
    "TargetLoader",
    "Tuner",
    "TunerError",
    "Verifier",
    "answered",
    "first_seen",
]

_RENAMED = {"Inside": "LoadedModel", "Reached": "EndpointAccess"}


def __getattr__(name: str) -> Any:
    """Return a class by the name it had before 0.1, with a warning."""
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"{name} is called {_RENAMED[name]}", DeprecationWarning, stacklevel=2)
    return globals()[_RENAMED[name]]
