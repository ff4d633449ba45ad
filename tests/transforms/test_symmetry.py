"""Turns and reflections on numbered pixels."""

from __future__ import annotations

import pytest
import torch

from mani_monai.transforms import Symmetry

NUMBERED = torch.tensor([[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("turns", "reflected", "expected"),
    [
        (0, False, [[1, 2], [3, 4]]),
        (1, False, [[2, 4], [1, 3]]),
        (2, False, [[4, 3], [2, 1]]),
        (3, False, [[3, 1], [4, 2]]),
        (0, True, [[2, 1], [4, 3]]),
        (1, True, [[4, 2], [3, 1]]),
    ],
)
def test_by_hand(turns, reflected, expected):
    assert Symmetry(turns, reflected).apply(NUMBERED).tolist() == expected


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("reflected", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (1, 3, 5)])
def test_undone_it_is_the_image(turns, reflected, shape):
    images = torch.rand(shape)
    symmetry = Symmetry(turns, reflected)
    assert torch.equal(symmetry.undo(symmetry.apply(images)), images)


def test_undo_passes_gradients_to_where_they_belong():
    images = torch.rand(1, 2, 3, 3, requires_grad=True)
    Symmetry(1, True).undo(images)[..., 0, 0].sum().backward()
    assert images.grad.count_nonzero() == 2
    assert not torch.equal(images.grad[..., 0, 0], torch.ones(1, 2))


@pytest.mark.parametrize(("size", "count"), [((8, 8), 8), ((8, 6), 4)])
def test_random_ones_keep_the_size_and_are_all_drawn(size, count):
    torch.manual_seed(0)
    drawn = [Symmetry.random(*size) for _ in range(400)]
    assert len(set(drawn)) == count
    assert min(drawn.count(one) for one in set(drawn)) > 0.6 * 400 / count
    assert all(one.apply(torch.zeros(3, *size)).shape == (3, *size) for one in drawn)
    torch.manual_seed(0)
    assert [Symmetry.random(*size) for _ in range(400)] == drawn
