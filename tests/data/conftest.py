"""Lists of a small data set."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_datalists import made_data


@pytest.fixture
def data(tmp_path) -> Path:
    """A folder of one data set, "mine", of the images a, b, c."""
    return made_data(tmp_path)
