"""The order of samples as a function of the iteration."""

from __future__ import annotations

from collections.abc import Iterator

import ignite.distributed as idist
from torch.utils.data import Sampler


class IterationBatchSampler(Sampler[list[int]]):
    """Batches of sample numbers, iteration by iteration, from any iteration on.

    Sample number ``(iteration x ranks + rank) x batch_size + slot`` names a sample for good: a data set that draws
    from the number alone (``PairedDataset``) gives a resumed run the samples of the uninterrupted one. A walk goes from
    ``start``, 0 unless it is set, to the next multiple of ``iterations``, so that a training that is run once more, as
    a round of federated learning is, can go on to samples of its own.

    Args:
        batch_size: samples in a batch of one process.
        iterations: batches in the whole training, or in a round of it.

    Raises:
        ValueError: when ``batch_size`` or ``iterations`` is < 1.
    """

    def __init__(self, batch_size: int, iterations: int) -> None:
        for name, value in {"batch_size": batch_size, "iterations": iterations}.items():
            if value < 1:
                raise ValueError(f"{name} must be >= 1, got {value}.")
        self.batch_size = batch_size
        self.iterations = iterations
        self.start = 0

    def __len__(self) -> int:
        return self.iterations - self.start % self.iterations

    def __iter__(self) -> Iterator[list[int]]:
        for iteration in range(self.start, self.start + len(self)):
            first = (iteration * idist.get_world_size() + idist.get_rank()) * self.batch_size
            yield list(range(first, first + self.batch_size))
