"""Events, named in the past tense: the only thing a worker tells its observers."""

from typing import Any

from attrs import field, frozen

RUN_STARTED = "RunStarted"
RUN_FINISHED = "RunFinished"
RUN_INTERRUPTED = "RunInterrupted"
RUN_FAILED = "RunFailed"
STAGE_STARTED = "StageStarted"
STAGE_SKIPPED = "StageSkipped"
STAGE_FINISHED = "StageFinished"
STAGE_FAILED = "StageFailed"
STEP_FINISHED = "StepFinished"
METRIC_RECORDED = "MetricRecorded"
CHECKPOINT_SAVED = "CheckpointSaved"
WEIGHTS_CHOSEN = "WeightsChosen"
RATES_SWEPT = "RatesSwept"
TRAINING_RESUMED = "TrainingResumed"
TRAINING_FINISHED = "TrainingFinished"
DATA_DESCRIBED = "DataDescribed"
MEMORY_ESTIMATED = "MemoryEstimated"
PROGRESS_MADE = "ProgressMade"
WARNING_RAISED = "WarningRaised"
SERVER_STARTED = "ServerStarted"
SERVER_STOPPED = "ServerStopped"

KINDS = (
    RUN_STARTED,
    RUN_FINISHED,
    RUN_INTERRUPTED,
    RUN_FAILED,
    STAGE_STARTED,
    STAGE_SKIPPED,
    STAGE_FINISHED,
    STAGE_FAILED,
    STEP_FINISHED,
    METRIC_RECORDED,
    CHECKPOINT_SAVED,
    WEIGHTS_CHOSEN,
    RATES_SWEPT,
    TRAINING_RESUMED,
    TRAINING_FINISHED,
    DATA_DESCRIBED,
    MEMORY_ESTIMATED,
    PROGRESS_MADE,
    WARNING_RAISED,
    SERVER_STARTED,
    SERVER_STOPPED,
)


@frozen
class Event:
    """An event; ``at`` is seconds since the epoch, ``data`` holds JSON values."""

    kind: str
    at: float
    stage: str = ""
    data: dict[str, Any] = field(factory=dict)
