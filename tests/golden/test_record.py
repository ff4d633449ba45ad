"""A record of other files under the same FORM is refused."""

from __future__ import annotations

import json

import pytest
from record import check_form

from mani_monai.apps.infer.folder_result import FORM
from mani_monai.utils import InputError


@pytest.fixture
def kept(tmp_path):
    path = tmp_path / "inference.json"
    path.write_text(json.dumps({"form": FORM, "weights": "a", "files": {"a_mask.png": "1", "a.geojson": "2"}}))
    return path


@pytest.mark.parametrize(
    ("files", "first"),
    [({"a_mask.png": "9", "a.geojson": "2"}, "a_mask.png"), ({"a_mask.png": "1"}, "a.geojson")],
)
def test_other_files_ask_for_another_form(kept, files, first):
    with pytest.raises(InputError) as refusal:
        check_form(kept, {"form": FORM, "weights": "a", "files": files})
    assert str(refusal.value).startswith(f"{kept}: has another {first} under FORM {FORM}; raise FORM in ")
    check_form(kept, {"form": FORM + 1, "weights": "a", "files": files})
    check_form(kept, {"form": FORM, "weights": "b", "files": files})


def test_the_same_files_and_a_first_record(kept, tmp_path):
    check_form(kept, {"form": FORM, "weights": "a", "files": {"a.geojson": "2", "a_mask.png": "1"}})
    check_form(tmp_path / "none.json", {"form": FORM, "weights": "a", "files": {"a.geojson": "2"}})
