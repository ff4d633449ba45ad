"""The same command goes on, another one is refused."""

from __future__ import annotations

import pytest

from mani_monai.apps.adapt.request import check_request, keep_request
from mani_monai.utils import InputError


def test_the_same_request_goes_on_and_another_is_refused(tmp_path):
    path = tmp_path / "out" / "request.json"
    asked = {"method": "mani", "options": {"iterations": "3"}, "sizes": (1, 2)}
    check_request(path, asked)
    keep_request(path, asked)
    check_request(path, asked)
    for other in (
        {**asked, "method": "adabn"},
        {name: asked[name] for name in ("options", "sizes")},
    ):
        with pytest.raises(InputError, match=r"another method; choose another --out, or delete it\."):
            check_request(path, other)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "request.json").write_text("{")
    with pytest.raises(InputError, match=r"request\.json: is no JSON"):
        check_request(tmp_path / "request.json", {})
