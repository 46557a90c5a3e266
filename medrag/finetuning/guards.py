"""What ends a training early: a loss that diverges or gains nothing, and a signal to stop."""

from __future__ import annotations

import math
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from ..errors import DivergenceError

# A training diverges if its loss, smoothed, stays above 1.5 × the first + 1 nat for five steps. A
# good training may rise a little while it warms up, but not for so long.
_FACTOR, _MARGIN, _PATIENCE = 1.5, 1.0, 5
_KEPT = 0.8  # of the smoothed loss, a step


@dataclass
class Divergence:
    """Stops a training whose loss or gradient is not finite, or whose loss runs away.

    Attributes:
        learning_rate, setting: its value and its name, for the error.
        first: training loss of the first step, in nats; None before it.
    """

    learning_rate: float
    setting: str = "finetune.learning_rate"
    first: float | None = None
    _smoothed: float | None = None
    _above: int = 0

    def step(self, step: int, loss: float, gradient_norm: float) -> None:
        """Check a step before the optimiser changes the weights.

        Raises:
            DivergenceError: the training has diverged.
        """
        if not math.isfinite(loss):
            self._fail(step, f"the loss is {loss}")
        if not math.isfinite(gradient_norm):
            self._fail(step, f"the gradient norm is {gradient_norm}")
        if self.first is None:
            self.first = loss
        before = loss if self._smoothed is None else self._smoothed
        self._smoothed = _KEPT * before + (1 - _KEPT) * loss
        self._above = self._above + 1 if self._smoothed > self._limit() else 0
        if self._above >= _PATIENCE:
            self._fail(step, f"the loss went from {self.first:.2f} to {self._smoothed:.2f} nats")

    def final(self, step: int, loss: float) -> None:
        """Check a loss over many rows, such as the validation loss.

        Raises:
            DivergenceError: it is not finite, or far above the first loss.
        """
        if not math.isfinite(loss) or loss > self._limit():
            self._fail(step, f"the validation loss is {loss:.2f} nats")

    def _limit(self) -> float:
        return math.inf if self.first is None else _FACTOR * self.first + _MARGIN

    def _fail(self, step: int, reason: str) -> None:
        raise DivergenceError(
            f"training diverged at step {step}: {reason}. Nothing was saved; lower "
            f"{self.setting} (now {self.learning_rate:g})"
        )


def early_stopped(history: Sequence[dict[str, Any]], patience: int) -> bool:
    """Whether the last `patience` validation losses were all above the best; never with 0."""
    losses = [entry["eval_loss"] for entry in history if "eval_loss" in entry]
    return 0 < patience < len(losses) and min(losses[-patience:]) >= min(losses[:-patience])


@dataclass
class StopRequest:
    """Whether a signal has asked to stop, and which."""

    number: int | None = None


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Turn SIGTERM and Ctrl-C into a request to stop after the step.

    A second signal acts at once. Outside the main thread, which alone can handle signals, nothing
    changes.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a process in the background
        numbers.remove(signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(number: int, frame: FrameType | None) -> None:
        request.number = number
        restore()
        print("stopping after this step; Ctrl-C again stops at once", file=sys.stderr)

    for number in numbers:
        signal.signal(number, ask)
    try:
        yield request
    finally:
        restore()
