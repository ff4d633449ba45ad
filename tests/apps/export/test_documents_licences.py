"""Which licences of images allow commercial use of weights."""

from __future__ import annotations

import pytest

from mani_monai.apps.export.documents import ALLOWED, allows_commercial_use


@pytest.mark.parametrize(
    ("licence", "commercial"),
    [
        ("CC-BY-NC-SA-4.0", False),
        ("cc by nc 4.0", False),
        ("Non-commercial", False),
        ("noncommercial research", False),
        ("CC BY 4.0", True),
        ("CC-BY-SA-4.0", True),
        ("CC0 1.0 Universal", True),
        ("Apache License, Version 2.0", True),
        ("Apache-2.0", True),
        ("BSD-3-Clause", True),
        ("none: drawn by this project", True),
        ("CC BY-ND 4.0", None),
        ("internal use only", None),
        ("all rights reserved", None),
        ("research use only", None),
        ("MIT hospital, ask first", None),
        ("ask the hospital", None),
        ("unknown", None),
        ("see the collection's page", None),
        (f"CC BY 4.0; the weights that training started from, x, say: Data licences. {ALLOWED}", True),
        ("CC BY 4.0; the weights that training started from, x, say: unknown", None),
        ("CC BY 4.0; the weights that training started from, x, say: NON-COMMERCIAL USE ONLY", False),
    ],
)
def test_only_a_licence_that_is_recognised_allows_commercial_use(licence, commercial):
    assert allows_commercial_use(licence) is commercial
