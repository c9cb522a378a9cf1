"""``tensorboard``: event files for TensorBoard."""

from pathlib import Path
from typing import Any

from ftctl.domain import event as events
from ftctl.domain.event import Event
from ftctl.plugin import option, options
from ftctl.ports import Monitor

STEP_KEYS = ("loss", "validation_loss", "learning_rate", "grad_norm", "tokens_per_second")


@options
class TensorboardOptions:
    """Options of `TensorboardMonitor`."""

    folder: str = option("tensorboard", help="Folder of the event files, inside the run's folder.")


class TensorboardMonitor(Monitor):
    """Writes scalars of every reported step under ``train/``, final metrics under their stage."""

    def __init__(self, options: TensorboardOptions) -> None:
        self._folder = options.folder
        self._writer: Any = None

    def open(self, run_id: str, folder: Path) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(folder / Path(self._folder).name))

    def emit(self, event: Event) -> None:
        if event.kind == events.STEP_FINISHED:
            step = int(event.data.get("step", 0))
            for key in STEP_KEYS:
                if key in event.data:
                    self._scalar(f"train/{key}", float(event.data[key]), step, event.at)
        elif event.kind == events.METRIC_RECORDED:
            self._scalar(f"{event.stage}/{event.data['name']}", float(event.data["value"]), 0, event.at)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _scalar(self, tag: str, value: float, step: int, at: float) -> None:
        from tensorboard.compat.proto.event_pb2 import Event as Record
        from tensorboard.compat.proto.summary_pb2 import Summary

        if self._writer is not None:
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            self._writer.add_event(Record(wall_time=at, step=step, summary=summary))
