"""Curves of a training that was cut off once."""

from __future__ import annotations

from torch.utils.tensorboard import SummaryWriter

from mani_monai.apps.adapt.outcome import read_curves


def write(folder, values, wall, tag="loss"):
    writer = SummaryWriter(str(folder / "tensorboard"), filename_suffix=f".{wall}")
    for step, value in values.items():
        writer.add_scalar(tag, value, step, walltime=wall + step)
    writer.close()


def test_the_later_one_of_two_counts(tmp_path):
    write(tmp_path, {1: 1.0, 2: 2.0, 3: 3.0}, wall=100)
    write(tmp_path, {2: 20.0, 3: 30.0, 4: 40.0}, wall=200)
    write(tmp_path, {2: 0.5}, wall=100, tag="dice")
    assert read_curves(tmp_path) == {"dice": [(2, 0.5)], "loss": [(1, 1.0), (2, 20.0), (3, 30.0), (4, 40.0)]}


def test_nothing_was_logged(tmp_path):
    assert read_curves(tmp_path) == {}
