"""Windows of a map give the map's own nuclei, wherever they lie and whatever they cut."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mani_monai.transforms import part_nuclei
from mani_monai.transforms.part_nuclei import REACH

LEAST = 20


def field(kind: str, shape: tuple[int, int], seed: int) -> np.ndarray:
    """A probability map: crowded nuclei, one sponge of them all, or few values, so that ties abound."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), 4)
    noise /= noise.std()
    if kind in ("crowded", "contours", "distances"):
        return 1 / (1 + np.exp(-3 * (noise - 0.3)))
    if kind == "sponge":
        return 1 / (1 + np.exp(-3 * (noise + 0.8)))
    rows, columns = np.indices(shape)
    grid = np.hypot(rows % 16 - 8, columns % 16 - 8) < 8.5  # a lattice of equal disks that all touch
    return np.where(grid & (noise > -1.5), 0.8, 0.2)


def nuclei(instances: np.ndarray, corner: tuple[int, int] = (0, 0)) -> dict[tuple[int, ...], bytes]:
    """Every nucleus by its box in the whole map, with its pixels."""
    shapes = {}
    for number, box in enumerate(ndimage.find_objects(instances), start=1):
        place = [(side.start + start, side.stop + start) for side, start in zip(box, corner, strict=True)]
        mask = instances[box] == number
        shapes[(*place[0], *place[1], int(mask.argmax()))] = mask.tobytes()
    return shapes


def keeps(key: tuple[int, ...], window: tuple[int, int, int, int], shape: tuple[int, int]) -> bool:
    """Whether a nucleus keeps its distance from the window's cuts."""
    top, bottom, left, right = window
    return (
        (top == 0 or key[0] - top >= REACH)
        and (bottom == shape[0] or bottom - key[1] >= REACH)
        and (left == 0 or key[2] - left >= REACH)
        and (right == shape[1] or right - key[3] >= REACH)
    )


@pytest.mark.parametrize("kind", ["crowded", "sponge", "lattice", "contours", "distances"])
@pytest.mark.parametrize("seed", range(3))
def test_nuclei_away_from_the_cuts_are_those_of_the_whole(kind, seed):
    shape = (500, 600)
    probability = field(kind, shape, seed)
    other, told = field("contours", shape, seed + 10), {}
    if kind == "contours":
        told = {"contour": other > 0.8}
    elif kind == "distances":
        told = {"distance": other.round(1)}  # few values, so that ties abound
    whole = nuclei(part_nuclei(probability, LEAST, **told))
    rng, compared = np.random.default_rng(seed), 0
    for _ in range(25):
        height, width = rng.integers(2 * REACH + 20, 350, 2)
        top, left = rng.integers(-40, shape[0] - height + 40), rng.integers(-40, shape[1] - width + 40)
        top, left = max(top, 0), max(left, 0)
        bottom, right = min(top + height, shape[0]), min(left + width, shape[1])
        window = (top, bottom, left, right)
        cut = {name: values[top:bottom, left:right] for name, values in told.items()}
        part = nuclei(part_nuclei(probability[top:bottom, left:right], LEAST, **cut), (top, left))

        certain = {key for key in part if keeps(key, window, shape)}
        assert all(whole.get(key) == part[key] for key in certain)
        missed = [key for key in whole if keeps(key, window, shape) and whole[key] != part.get(key)]
        near = np.zeros(shape, bool)
        for key in part.keys() - certain:
            near[key[0] : key[1], key[2] : key[3]] = True
        assert all(near[key[0] : key[1], key[2] : key[3]].all() for key in missed)
        compared += len(certain)
    assert compared > 200


def test_the_transposed_map_differs_by_ties_alone():
    probability = field("crowded", (400, 500), 0)
    one, other = part_nuclei(probability, LEAST), part_nuclei(probability.T, LEAST).T
    np.testing.assert_array_equal(one > 0, other > 0)
    assert one.max() == other.max()
    assert len(nuclei(one).items() & nuclei(other).items()) > 0.95 * one.max()


def test_a_map_is_parted_the_same_whatever_its_memory_layout():
    probability = field("crowded", (200, 300), 0)
    np.testing.assert_array_equal(part_nuclei(np.asfortranarray(probability)), part_nuclei(probability))
    np.testing.assert_array_equal(part_nuclei(probability[::2, ::3]), part_nuclei(probability[::2, ::3].copy()))
