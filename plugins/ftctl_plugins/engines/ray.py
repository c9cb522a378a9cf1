"""``ray``: run work on a Ray cluster, or one started on this machine."""

import contextlib
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from typing import Any, ClassVar

from ftctl.plugin import option, options
from ftctl.ports import Engine, EngineError
from ftctl.ports.engine import Found, Given
from ftctl_adapters.launching.ray_cluster import reach

TRIES = 3
"""How often a piece of work is given to another process when its own is lost."""

STORE_BYTES = 400 << 20
"""Of a cluster that is made here."""


@options
class RayOptions:
    """Options of `RayEngine`."""

    address: str | None = option(None, help="Address of a running cluster, host:port; null: start one for the stage.")
    parts: int = option(8, help="Pieces of work at once over the whole cluster.", ge=1, le=4096)


class RayEngine(Engine):
    """Runs shards, key ranges and signature bands as Ray tasks; results are merged here.

    The stage's folder must be on a file system that every machine of the cluster sees.
    """

    remote: ClassVar[bool] = True

    def __init__(self, options: RayOptions) -> None:
        self._address, self.parts = options.address, options.parts
        self._records: Any = None

    @cached_property
    def _ray(self) -> Any:
        """Connect to the cluster, or start one without an address.

        Raises:
            BackendFailed: nobody answers there.
        """
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray

        if self._address is None:
            self._records = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
            ray.init(num_cpus=os.cpu_count(), include_dashboard=False, object_store_memory=STORE_BYTES,
                     _temp_dir=self._records.name, log_to_driver=False)  # fmt: skip
            return ray
        reach(self._address, "data_source.address")
        ray.init(address=self._address, log_to_driver=False)
        return ray

    def spread(self, work: Callable[[Given], Found], items: Iterable[Given]) -> Iterator[Found]:
        ray = self._ray
        task = ray.remote(max_retries=TRIES, num_cpus=1)(_do)
        carried, pending = ray.put(work), deque[Any]()
        try:
            for item in items:
                # inside of a list Ray leaves the reference to those who remember what it stands for
                pending.append(task.remote([carried], item))
                if len(pending) >= self.parts:
                    yield ray.get(pending.popleft())
            while pending:
                yield ray.get(pending.popleft())
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from None
        except ray.exceptions.RayError as error:
            text = f"the cluster lost a piece of work {TRIES + 1} times: {type(error).__name__}"
            raise EngineError(text, next_step="run the same command again; finished shards are kept") from error
        finally:
            for reference in pending:
                with contextlib.suppress(Exception):
                    ray.cancel(reference)

    def close(self) -> None:
        if "_ray" in self.__dict__:
            self._ray.shutdown()
        if self._records:
            self._records.cleanup()


@lru_cache(maxsize=2)
def _fetched(reference: Any) -> Callable[[Any], Any]:
    """Return the work in a Ray worker, with what its operators have loaded."""
    import ray

    work: Callable[[Any], Any] = ray.get(reference)
    return work


def _do(carried: list[Any], item: Any) -> Any:
    return _fetched(carried[0])(item)
