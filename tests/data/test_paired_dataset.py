"""Pairs as a function of the sample number alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import DataLoader
from monai.transforms import (
    Compose,
    EnsureTyped,
    LoadImaged,
    Randomizable,
    RandRotate90d,
    RandShiftIntensityd,
    RandSpatialCropd,
)
from PIL import Image

from mani_monai.data.paired_dataset import PairedDataset
from mani_monai.data.samplers import IterationBatchSampler
from mani_monai.utils import InputError

SOURCES, TARGETS, SIZE = 5, 4, 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Grey images whose value is their number: source 1..5, target 101..104; a label is its image's value."""
    folder = tmp_path_factory.mktemp("pairs")
    for value in [*range(1, SOURCES + 1), *range(101, 101 + TARGETS)]:
        Image.fromarray(np.full((SIZE, SIZE), value, np.uint8)).save(folder / f"{value}.png")
    return folder


@pytest.fixture
def make(folder):
    """Makes a data set; ``augment`` adds random transforms, so that a sample depends on random states, too."""

    def make(augment: bool = True, seed: int = 0, length: int = 1000) -> PairedDataset:
        keys = {"keys": ["image", "label"], "allow_missing_keys": True}
        transforms = [LoadImaged(**keys, ensure_channel_first=True)]
        if augment:
            shift = RandShiftIntensityd(keys="image", offsets=0.4, prob=1)
            transforms += [RandSpatialCropd(**keys, roi_size=[4, 4], random_size=False), RandRotate90d(**keys), shift]
        transforms.append(EnsureTyped(**keys, dtype=torch.float32, track_meta=False))
        source = [{name: str(folder / f"{value}.png") for name in ("image", "label")} for value in range(1, 6)]
        target = [{"image": str(folder / f"{value}.png")} for value in range(101, 101 + TARGETS)]
        return PairedDataset(source, target, Compose(transforms), seed, length)

    return make


def numbers(data: PairedDataset, key: str, count: int) -> list[int]:
    return [int(data[number][key].mean()) for number in range(count)]


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_sample_is_image_its_label_and_a_target_image(make):
    data = make(augment=False)
    for number in range(20):
        sample = data[number]
        assert set(sample) == {"image", "label", "target_image"}
        assert sample["image"].shape == sample["label"].shape == sample["target_image"].shape == (1, SIZE, SIZE)
        assert torch.equal(sample["image"], sample["label"])
        assert sample["image"].max() <= SOURCES < 101 <= sample["target_image"].min()
    assert len(make(length=7)) == 7


def test_the_name_of_a_tissue_is_not_taken_for_where_it_lies(folder):
    """A data set with tissues, such as MoNuSeg, trains like any other."""
    crop = RandSpatialCropd(["image", "tissue"], roi_size=[4, 4], random_size=False, allow_missing_keys=True)
    source = [{"image": str(folder / "1.png"), "tissue": "liver"}]
    transform = Compose([LoadImaged("image", ensure_channel_first=True), crop])
    sample = PairedDataset(source, [{"image": str(folder / "101.png")}], transform)[0]
    assert sample.keys() == {"image", "target_image"}
    assert sample["image"].shape == (1, 4, 4)


def test_every_source_image_comes_once_a_round_in_a_new_order(make):
    walked = numbers(make(augment=False), "image", 8 * SOURCES)
    rounds = [walked[first : first + SOURCES] for first in range(0, len(walked), SOURCES)]
    assert all(sorted(order) == [1, 2, 3, 4, 5] for order in rounds)
    assert len({tuple(order) for order in rounds}) > 4


def test_target_is_drawn_independently_of_the_source(make):
    data = make(augment=False)
    partners = numbers(data, "target_image", 400)
    counts = np.bincount(partners)[101:]
    assert len(counts) == TARGETS
    assert counts.min() > 70, "a quarter each, give or take"
    pairs = set(zip(numbers(data, "image", 400), partners, strict=True))
    assert len(pairs) == SOURCES * TARGETS


def test_a_sample_does_not_depend_on_what_was_asked_before(make):
    data, again = make(), make()
    wanted = [data[number] for number in range(12)]
    np.random.seed(99)
    torch.manual_seed(99)
    for number in (11, 3, 3, 0, 7):
        assert same(again[number], wanted[number])


def test_random_transforms_differ_from_sample_to_sample_and_between_domains(make):
    data = make()
    shifts = [float(data[number]["image"].mean() - data[number]["label"].mean()) for number in range(8)]
    assert len(set(shifts)) == 8
    target = [float(data[number]["target_image"].mean() % 1) for number in range(8)]
    assert not np.allclose(np.mod(shifts, 1), target, atol=1e-4)


class Mix(Randomizable):
    """Puts a random share of the target image in the place of the source's."""

    def __call__(self, sample):
        sample["image"] = sample["image"] + self.R.uniform() * sample["target_image"]
        return sample


def test_a_transform_of_pairs_sees_both_domains_and_is_a_function_of_the_number(make):
    plain, mixed, again = make(augment=False), make(augment=False), make(augment=False)
    for data in (mixed, again):
        data.pair_transform = Compose([Mix()])
    shares = [
        float(((mixed[number]["image"] - plain[number]["image"]) / plain[number]["target_image"]).mean())
        for number in range(6)
    ]
    assert len(set(shares)) == 6
    assert all(0 < share < 1 for share in shares)
    for number in (4, 0, 5):
        assert same(again[number], mixed[number])
        for key in ("label", "target_image"):
            assert torch.equal(again[number][key], plain[number][key])


def test_the_seed_decides(make):
    assert same(make(seed=3)[5], make(seed=3)[5])
    walks = {tuple(numbers(make(augment=False, seed=seed), "target_image", 30)) for seed in range(4)}
    assert len(walks) == 4


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_give_what_one_process_gives(make, workers):
    loaders = [
        DataLoader(make(), batch_sampler=IterationBatchSampler(2, iterations=4), num_workers=number)
        for number in (0, workers)
    ]
    batches = [list(loader) for loader in loaders]
    assert len(batches[0]) == 4
    assert all(same(one, other) for one, other in zip(*batches, strict=True))


def test_a_labelled_target_is_refused():
    with pytest.raises(InputError, match=r"t2\.png: a target training item may hold an image only"):
        PairedDataset(
            [{"image": "s.png", "label": "m.png"}],
            [{"image": "t1.png"}, {"image": "t2.png", "label": "secret.png"}],
            Compose([]),
        )


@pytest.mark.parametrize(("source", "target"), [([], [{"image": "t"}]), ([{"image": "s", "label": "m"}], [])])
def test_an_empty_list_is_refused(source, target):
    name = "target" if source else "source"
    with pytest.raises(InputError, match=f"the {name} training list is empty"):
        PairedDataset(source, target, Compose([]))


def several(folder: Path, seed: int = 0) -> PairedDataset:
    """Two sources, "many" of four images and "one" of a single one, likewise two targets."""
    domain = {1: "many", 2: "many", 3: "many", 4: "many", 5: "one", 101: "many", 102: "many", 103: "many", 104: "one"}
    items = {value: {"image": str(folder / f"{value}.png"), "domain": name} for value, name in domain.items()}
    source = [{**items[value], "label": items[value]["image"]} for value in range(1, 6)]
    load = LoadImaged(keys=["image", "label"], allow_missing_keys=True, ensure_channel_first=True)
    return PairedDataset(source, [items[value] for value in range(101, 105)], Compose([load]), seed, 1000)


def test_every_source_has_the_same_share_of_draws(folder):
    drawn = numbers(several(folder), "image", 80)
    assert drawn[1::2] == [5] * 40
    assert [sorted(drawn[start : start + 8 : 2]) for start in range(0, 80, 8)] == [[1, 2, 3, 4]] * 10
    assert len({tuple(drawn[start : start + 8 : 2]) for start in range(0, 80, 8)}) > 5


def test_every_target_has_the_same_share_of_draws(folder):
    drawn = numbers(several(folder), "target_image", 400)
    assert 160 < drawn.count(104) < 240
    assert {*drawn} == {101, 102, 103, 104}


def test_samples_of_several_sources_depend_on_seed_and_number_alone(folder):
    one, other = several(folder), several(folder)
    assert [numbers(one, "image", 20), numbers(one, "target_image", 20)] == [
        [int(other[number][key].mean()) for number in reversed(range(20))][::-1] for key in ("image", "target_image")
    ]
    assert numbers(one, "image", 40) != numbers(several(folder, seed=1), "image", 40)
