"""All trainings of these tests are small: they use one thread."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def small(one_thread: None) -> None:
    """See `one_thread`."""
