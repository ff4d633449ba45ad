from collections import Counter

import pytest

from mani_monai.apps.prepare.splits import Split, grouped_folds, native_split, random_split

TNBC = dict(zip(range(1, 12), (7, 3, 5, 8, 4, 3, 3, 4, 6, 4, 3), strict=True))  # images per patient, 50 in all
PATIENTS = {f"{patient:02d}_{k}": f"p{patient}" for patient, n in TNBC.items() for k in range(n)}


def names(count):
    return [f"{k:03d}" for k in range(count)]


def sizes(split):
    return len(split.training), len(split.validation), len(split.test)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (486, (388, 49, 49)),  # KIRC and TCIA as the paper's repository splits them
        (97, (77, 10, 10)),
        (50, (40, 5, 5)),
        (41, (33, 4, 4)),
        (6, (4, 1, 1)),
        (3, (1, 1, 1)),
        (2, (1, 0, 1)),
        (1, (1, 0, 0)),
    ],
)
def test_sizes_of_a_split(images, expected):
    split = random_split(names(images), seed=0)
    assert sizes(split) == expected
    assert sorted(split.training + split.validation + split.test) == names(images)


def test_split_depends_on_the_seed_alone():
    assert random_split(names(50), 3) == random_split(names(50)[::-1], 3)
    assert len({random_split(names(50), seed).test for seed in range(5)}) == 5
    # pinned: another draw would silently change the split of every result measured so far
    assert random_split(names(6), 0) == Split(("000", "001", "003", "005"), ("002",), ("004",))


@pytest.mark.parametrize(
    "groups", [PATIENTS, dict(zip(names(41), names(41), strict=True)), dict(zip(names(6), names(6), strict=True))]
)
def test_every_image_is_tested_once_and_groups_stay_whole(groups):
    folds = grouped_folds(groups)
    assert len(folds) == 5
    assert Counter(name for fold in folds for name in fold.test) == Counter(list(groups))
    for fold in folds:
        assert sorted(fold.training + fold.validation + fold.test) == sorted(groups)
        in_part = [{groups[name] for name in part} for part in (fold.training, fold.validation, fold.test)]
        assert sum(map(len, in_part)) == len(set.union(*in_part))
        assert all(in_part)


def test_folds_are_balanced_and_validation_is_a_tenth():
    folds = grouped_folds(PATIENTS)
    assert all(9 <= len(fold.test) <= 11 for fold in folds)
    assert all(3 <= len(fold.validation) <= 5 for fold in folds)  # a tenth of 40, in whole patients
    single = grouped_folds(dict(zip(names(41), names(41), strict=True)))
    assert sorted(sizes(fold) for fold in single) == [(29, 3, 9), (30, 3, 8), (30, 3, 8), (30, 3, 8), (30, 3, 8)]


def test_folds_depend_on_the_seed():
    assert grouped_folds(PATIENTS) == grouped_folds(dict(reversed(PATIENTS.items())))
    assert grouped_folds(PATIENTS, seed=0) != grouped_folds(PATIENTS, seed=1)


def test_few_groups_give_few_folds():
    assert [sizes(fold) for fold in grouped_folds({"a": "1", "b": "1", "c": "2", "d": "3"})] == [
        (1, 1, 2),
        (2, 1, 1),
        (2, 1, 1),
    ]
    assert grouped_folds({"a": "1", "b": "1", "c": "2"}) == ()
    assert grouped_folds({}) == ()


def test_one_large_group_leaves_the_others_for_training():
    groups = {f"big_{k}": "big" for k in range(30)} | {"a": "a", "b": "b", "c": "c"}
    for fold in grouped_folds(groups):
        assert fold.training
        assert fold.validation


def test_a_partition_that_names_all_parts_is_taken_as_it_is():
    parts = {"b": "test", "a": "training", "d": "validation", "c": "training"}
    split = Split(("a", "c"), ("d",), ("b",))
    assert native_split(parts, dict.fromkeys(parts, "x"), seed=3) == split


def test_validation_is_a_tenth_of_the_training_images_in_whole_groups():
    parts = {name: "test" if PATIENTS[name] in ("p1", "p4") else "training" for name in PATIENTS}
    splits = [native_split(parts, PATIENTS, seed) for seed in range(6)]
    for split in splits:
        assert sorted(split.test) == sorted(name for name in parts if parts[name] == "test")
        assert sorted(split.training + split.validation + split.test) == sorted(PATIENTS)
        assert 3 <= len(split.validation) <= 4  # of 35
        assert not {PATIENTS[name] for name in split.validation} & {PATIENTS[name] for name in split.training}
    assert len({split.validation for split in splits}) > 1
    assert splits[2] == native_split(dict(reversed(parts.items())), PATIENTS, 2)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"a": "training", "b": "training"},  # no test
        {"a": "test"},
        {"a": "training", "b": "test"},  # one group cannot give training and validation
        {"a": "validation", "b": "test"},
    ],
)
def test_a_partition_without_images_for_each_part(parts):
    assert native_split(parts, {name: name for name in parts}) is None


def test_pieces_take_the_place_of_their_image():
    split = Split(("a", "b"), ("c",), ("d",))
    pieces = {"a": ["a1", "a2"], "b": ["b1"], "c": ["c1"], "d": ["d2", "d1"]}
    assert split.expanded(pieces) == Split(("a1", "a2", "b1"), ("c1",), ("d2", "d1"))
