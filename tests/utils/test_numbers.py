"""Numbers as people write them."""

from __future__ import annotations

from mani_monai.utils.numbers import counted


def test_one_of_a_kind_has_no_s():
    assert [counted(number, "image") for number in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    assert counted(1234, "nucleus", "nuclei") == "1,234 nuclei"
    assert counted(1, "nucleus", "nuclei") == "1 nucleus"
