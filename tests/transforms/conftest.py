"""What tests of transforms share."""

from __future__ import annotations

import warnings

import pytest


@pytest.fixture
def no_warning():
    """Every warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=FutureWarning)  # of MONAI's own calls
        warnings.filterwarnings("ignore", message="Only one label was provided")
        yield
