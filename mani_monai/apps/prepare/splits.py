"""Divide a data set: seeded 80/10/10 splits, folds that test every image once, or the data set's own partition."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Split:
    """Ids of the images of each part, in order; no id is in two parts."""

    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def expanded(self, pieces: Mapping[str, Sequence[str]]) -> Split:
        """Puts the ids of an image's pieces, its windows, in the place of the image's own.

        Args:
            pieces: the ids of every image's pieces.
        """
        parts = (self.training, self.validation, self.test)
        return Split(*(tuple(piece for name in part for piece in pieces[name]) for part in parts))


def random_split(ids: Sequence[str], seed: int) -> Split:
    """Splits at image level, 80/10/10, as the paper does: images of one patient may lie on both sides.

    Validation and test get a tenth each, rounded, and at least one image. Two images give one for training and one
    for test, a single one is for training.

    Args:
        ids: the images; their order does not matter.
        seed: the same seed and ids give the same split.

    Returns:
        Every id in one part.
    """
    order = sorted(ids)
    random.Random(seed).shuffle(order)
    tenth = max(1, round(len(order) / 10))
    test = tenth if len(order) >= 2 else 0
    validation = tenth if len(order) >= 3 else 0
    return Split(
        training=tuple(sorted(order[test + validation :])),
        validation=tuple(sorted(order[test : test + validation])),
        test=tuple(sorted(order[:test])),
    )


def grouped_folds(groups: Mapping[str, str], folds: int = 5, seed: int = 0) -> tuple[Split, ...]:
    """Makes folds that test every image once and keep every group whole.

    The largest group goes first, each to the fold with the fewest images. Validation is the whole groups that come
    closest to a tenth of what is not tested, at least one.

    Args:
        groups: the group (a patient) of every image id.
        folds: how many; fewer groups give as many folds as there are groups.
        seed: orders groups of equal size.

    Returns:
        The folds; none where there are fewer than three groups, since training, validation and test need one each.
    """
    members: dict[str, list[str]] = {}
    for name in sorted(groups):
        members.setdefault(groups[name], []).append(name)
    if len(members) < 3:
        return ()
    order = sorted(members)
    random.Random(seed).shuffle(order)
    order.sort(key=lambda group: -len(members[group]))
    tested: list[list[str]] = [[] for _ in range(min(folds, len(order)))]
    for group in order:
        smallest = min(tested, key=lambda fold: sum(len(members[g]) for g in fold))
        smallest.append(group)

    splits = []
    for number, test in enumerate(tested):
        rest = sorted(set(members) - set(test))
        random.Random(f"{seed} {number}").shuffle(rest)
        validation = _about_a_tenth({group: len(members[group]) for group in rest})
        training = set(rest) - set(validation)
        splits.append(Split(*(_images(members, part) for part in (training, validation, test))))
    return tuple(splits)


def native_split(parts: Mapping[str, str], groups: Mapping[str, str], seed: int = 0) -> Split | None:
    """Divides as a data set's authors do; where they name no validation images, about a tenth of those for training.

    Args:
        parts: "training", "validation" or "test" of every image id that the partition names.
        groups: the group of each of them; validation takes whole groups, at least one.
        seed: decides which.

    Returns:
        The split; None where a part would be left without an image.
    """
    named = {part: {name for name in parts if parts[name] == part} for part in ("training", "validation", "test")}
    if not named["validation"]:
        members: dict[str, list[str]] = {}
        for name in sorted(named["training"]):
            members.setdefault(groups[name], []).append(name)
        order = sorted(members)
        random.Random(f"{seed} native").shuffle(order)
        chosen = _about_a_tenth({group: len(members[group]) for group in order})
        named["validation"] = set(_images(members, chosen))
        named["training"] -= named["validation"]
    return Split(*(tuple(sorted(names)) for names in named.values())) if all(named.values()) else None


def _about_a_tenth(sizes: Mapping[str, int]) -> list[str]:
    """Groups whose images come closest to a tenth of all, taken one by one; ties by the mapping's order."""
    missing = max(1, round(sum(sizes.values()) / 10))
    chosen: list[str] = []
    while len(chosen) < len(sizes) - 1:
        best = min((group for group in sizes if group not in chosen), key=lambda group: abs(missing - sizes[group]))
        if chosen and abs(missing - sizes[best]) >= abs(missing):
            break
        chosen.append(best)
        missing -= sizes[best]
    return chosen


def _images(members: Mapping[str, Sequence[str]], groups) -> tuple[str, ...]:
    return tuple(sorted(name for group in groups for name in members[group]))
