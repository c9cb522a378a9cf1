"""Fakes of every port, with real state."""

from ftctl.testing.fakes.artifact_store import FakeArtifactStore
from ftctl.testing.fakes.clock import FakeClock
from ftctl.testing.fakes.compressor import FakeCompressor
from ftctl.testing.fakes.data_operator import FakeDataOperator
from ftctl.testing.fakes.data_source import FakeDataSource
from ftctl.testing.fakes.engine import FakeEngine
from ftctl.testing.fakes.environments import FakeEnvironments
from ftctl.testing.fakes.evaluator import FakeEvaluator
from ftctl.testing.fakes.launcher import FakeLauncher
from ftctl.testing.fakes.model_intake import FakeModelIntake
from ftctl.testing.fakes.monitor import FakeMonitor
from ftctl.testing.fakes.objective import FakeObjective
from ftctl.testing.fakes.run_journal import FakeRunJournals
from ftctl.testing.fakes.run_report import FakeRunReport
from ftctl.testing.fakes.server import FakeServer
from ftctl.testing.fakes.server_runner import FakeServerRunner
from ftctl.testing.fakes.target import FakeTarget
from ftctl.testing.fakes.target_loader import FakeAsker, FakeTargetLoader
from ftctl.testing.fakes.tuner import FakeTuner
from ftctl.testing.fakes.verifier import FakeVerifier

__all__ = [
    "FakeArtifactStore",
    "FakeAsker",
    "FakeClock",
    "FakeCompressor",
    "FakeDataOperator",
    "FakeDataSource",
    "FakeEngine",
    "FakeEnvironments",
    "FakeEvaluator",
    "FakeLauncher",
    "FakeModelIntake",
    "FakeMonitor",
    "FakeObjective",
    "FakeRunJournals",
    "FakeRunReport",
    "FakeServer",
    "FakeServerRunner",
    "FakeTarget",
    "FakeTargetLoader",
    "FakeTuner",
    "FakeVerifier",
]
