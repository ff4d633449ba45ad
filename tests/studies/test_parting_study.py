"""The study of parting: scores by hand, and kept answers of the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mani_monai.data.readers import RawMask, Record
from mani_monai.utils import InputError
from studies.parting_command import parting
from studies.parting_study import Tile, score, table, tiles_of

BUNDLE = Path(__file__).parents[2] / "pretrained" / "mani_unet"


@pytest.fixture
def tile() -> Tile:
    """Two nuclei side by side, found as one piece."""
    label = np.zeros((20, 40), np.int32)
    label[4:16, 5:20], label[4:16, 20:35] = 1, 2
    return Tile(np.zeros((20, 40, 3), np.uint8), label, (label > 0).astype(np.float32))


def test_scores_by_hand(tile):
    right = score([tile, tile], lambda tile: tile.label)
    assert right["pq"] == right["dice"] == 1
    assert (right["found"], right["true"], right["images"], right["count_error"]) == (4, 4, 2, 0)
    merged = score([tile], lambda tile: (tile.label > 0).astype(np.int32))
    assert (merged["dice"], merged["pq"], merged["found"], merged["count_error"]) == (1, 0, 1, 0.5)


def test_a_table_has_a_line_a_way(tile):
    lines = table({"all right": score([tile], lambda tile: tile.label)}, "way").splitlines()
    assert lines[2] == "| all right | 1 | 1.000 | 1.000 | 1.000 | 1.000 | 1.000 | 2 / 2 | 0.0% |"


def test_an_answer_is_kept_and_used_again(tile, tmp_path):
    Image.fromarray(tile.image).save(tmp_path / "one.png")
    record = Record("one", "one", tmp_path / "one.png", lambda shape: RawMask(tile.label, "ids"))
    (first,) = tiles_of([record], BUNDLE, tmp_path / "maps")
    kept = np.load(tmp_path / "maps" / "one.npy")
    np.testing.assert_allclose(first.probability, 1 / (1 + np.exp(-kept)), rtol=1e-5)
    np.save(tmp_path / "maps" / "one.npy", np.full_like(kept, 80))
    (second,) = tiles_of([record], BUNDLE, tmp_path / "maps")
    assert (second.probability == 1).all()


def test_unknown_sets_and_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="--sets moon: unknown; choose from tnbc"):
        parting(str(tmp_path), sets="moon")
    with pytest.raises(InputError, match="no such folder"):
        parting(str(tmp_path / "none"))
