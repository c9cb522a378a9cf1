"""The six ports of the lifecycle, and what the application itself needs from outside."""

from ftctl.ports.compressor import Compressor
from ftctl.ports.context import StageContext
from ftctl.ports.data_source import DataSource
from ftctl.ports.evaluator import Evaluator
from ftctl.ports.launcher import Launcher
from ftctl.ports.monitor import Monitor
from ftctl.ports.objective import Objective
from ftctl.ports.server import Server
from ftctl.ports.target import Answer, Score, Target
from ftctl.ports.target_loader import TargetLoader
from ftctl.ports.tuner import Tuner
from ftctl.ports.verifier import Verifier

__all__ = [
    "Answer",
    "Compressor",
    "DataSource",
    "Evaluator",
    "Launcher",
    "Monitor",
    "Objective",
    "Score",
    "Server",
    "StageContext",
    "Target",
    "TargetLoader",
    "Tuner",
    "Verifier",
]
