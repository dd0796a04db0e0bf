"""When the GPU stops answering: go on with the CPU, or stop and be tried again. Never a lost asset."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from qc_plugin.environment import variable
from qc_plugin.errors import ConfigError
from qc_plugin.inference.tensorrt.device_buffers import GpuLostError, GpuMemoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qc_plugin.inference.session import Array, Session
    from qc_plugin.inference.spec import EngineSpec
    from qc_plugin.types import EngineUse

_log = logging.getLogger(__name__)
_SETTING = "QC_GPU_LOST"


class SessionWithFallback:
    """A GPU session that becomes a CPU session when the GPU is lost; see `session.Session`.

    The batch that failed is run again on the CPU, so nothing is missing; `use` then names what ran last.
    QC_GPU_LOST=stop lets GpuLostError through instead (exit code 75: try later), for fleets that would
    rather move the job to another machine than crawl.
    """

    def __init__(self, session: Session, reopen: Callable[[], Session]) -> None:
        self._session = session
        self._reopen = reopen
        self._on_gpu = True
        self._stop = _stop_asked()

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name. Raises GpuLostError only if QC_GPU_LOST=stop."""
        try:
            return self._session.run(inputs)
        except (GpuLostError, GpuMemoryError) as error:
            if self._stop or not self._on_gpu:
                raise
            self._leave_gpu(error)
        return self._session.run(inputs)

    def _leave_gpu(self, error: Exception) -> None:
        lost, self._session, self._on_gpu = self._session, self._reopen(), False
        _log.warning("%s: GPU given up (%s); going on with %s", lost.spec.name, error, self._session.backend)
        try:
            lost.close()
        except GpuLostError:  # it cannot take its memory back; the process's end will
            _log.debug("the lost GPU's memory stays taken until the process ends")

    @property
    def spec(self) -> EngineSpec:
        """The contract of the engine that was loaded."""
        return self._session.spec

    @property
    def backend(self) -> str:
        """What runs now."""
        return self._session.backend

    @property
    def device(self) -> str:
        """Where it runs now."""
        return self._session.device

    @property
    def precision(self) -> str:
        """What it computes in now."""
        return self._session.precision

    @property
    def use(self) -> EngineUse:
        """What runs now, and how."""
        return self._session.use

    def close(self) -> None:
        """Give memory back."""
        self._session.close()


def _stop_asked() -> bool:
    """Raises ConfigError for a setting that means nothing."""
    stated = variable(_SETTING) or "cpu"
    if stated not in {"cpu", "stop"}:
        raise ConfigError(f"environment: {_SETTING}: expected cpu or stop, got {stated!r}")
    return stated == "stop"
