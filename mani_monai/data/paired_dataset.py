"""Labelled source images with unlabelled target images beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from monai.data import CacheDataset, get_track_meta, set_track_meta
from monai.transforms import Compose
from torch import Tensor
from torch.utils.data import Dataset

from ..utils import InputError

TISSUE = "tissue"


class PairedDataset(Dataset):
    """One flat dictionary ``{image, label, target_image}`` for every sample number.

    The source is walked in a new random order each time round; the target image is drawn at random. Items of
    several data sets have a key "domain": sample numbers take the data sets in turn, so that each has the same
    share of samples, whatever its number of images. Order, partner and every random transform are functions of
    (seed, sample number), so that any sample can be made again without the ones before it. The deterministic first
    part of the transform is cached in memory. The rest reads the cached tensors themselves, without metadata:
    copying whole images to crop them, and tracking what is dropped at the end, would take two thirds of the time.
    So a random transform must not write into its input, as few of MONAI's do with floating-point images
    (``NormalizeIntensityd``), and loading is for processes, not for threads of one process.

    Args:
        data: source items, ``{"image": path, "label": path}``, and "domain" where there are several. A tissue's name,
            under "tissue", is left out: transforms mark there where an image has tissue.
        target_data: target items, ``{"image": path}`` and perhaps "domain"; a label is refused.
        transform: transforms of an item, for both domains (``allow_missing_keys=True`` where they name the label).
        seed: the run's seed.
        length: how many sample numbers there are, e.g. iterations x batch size x ranks.
        pair_transform: transforms of the finished dictionary, for those that need both domains.

    Raises:
        InputError: when a list is empty or a target item holds a label.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        target_data: Sequence[Mapping[str, Any]],
        transform: Compose,
        seed: int = 0,
        length: int = 1,
        pair_transform: Compose | None = None,
    ) -> None:
        for name, items in {"source": data, "target": target_data}.items():
            if not items:
                raise InputError(f"the {name} training list is empty: prepare it with mani prepare.")
        labelled = [item["image"] for item in target_data if set(item) - {"image", "domain"}]
        if labelled:
            raise InputError(f"{labelled[0]}: a target training item may hold an image only; remove its other keys.")
        self.data = [{key: value for key, value in item.items() if key != TISSUE} for item in data]
        self.target_data = target_data
        self.transform = transform
        self.seed = seed
        self.length = length
        self.pair_transform = Compose([]) if pair_transform is None else pair_transform
        self.source_domains = _positions(data)
        self.target_domains = _positions(target_data)
        self.source = CacheDataset(self.data, transform, copy_cache=False, progress=False)
        self.target = CacheDataset(target_data, transform, copy_cache=False, progress=False)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """
        Args:
            number: the sample number.

        Returns:
            image CHW, label 1HW and target_image CHW; target_tissue 1HW where the transforms mark tissue under the key
            "tissue" and crop it with the image.
        """
        turn, domain = divmod(number, len(self.source_domains))
        positions = self.source_domains[domain]
        round_, step = divmod(turn, len(positions))
        order = np.random.default_rng([self.seed, 0, round_, *[domain] * (domain > 0)]).permutation(len(positions))
        draw = np.random.default_rng([self.seed, 1, number])
        domains = self.target_domains
        partners = domains[0] if len(domains) == 1 else domains[int(draw.integers(len(domains)))]
        partner = partners[int(draw.integers(len(partners)))]

        with _no_metadata():
            self.transform.set_random_state(seed=int(draw.integers(2**32)))
            sample = dict(cast("dict[str, Tensor]", self.source[positions[order[step]]]))
            self.transform.set_random_state(seed=int(draw.integers(2**32)))
            target = cast("dict[str, Tensor]", self.target[partner])
            sample["target_image"] = target["image"]
            if TISSUE in target and target[TISSUE].shape[1:] == target["image"].shape[1:]:
                sample["target_tissue"] = target[TISSUE]
            self.pair_transform.set_random_state(seed=int(draw.integers(2**32)))
            return cast("dict[str, Tensor]", self.pair_transform(sample))


def _positions(items: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Positions of the items of each domain, in the order of its first item."""
    domains: dict[Any, list[int]] = {}
    for position, item in enumerate(items):
        domains.setdefault(item.get("domain"), []).append(position)
    return list(domains.values())


@contextmanager
def _no_metadata() -> Iterator[None]:
    """MONAI's transforms give plain tensors within."""
    tracked = get_track_meta()
    set_track_meta(False)
    try:
        yield
    finally:
        set_track_meta(tracked)
