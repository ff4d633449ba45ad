"""How well single nuclei are found by parting, beside connected pieces and beside the stain alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median

import numpy as np
import torch
from numpy.typing import NDArray

from mani_monai.data.readers import Record, read_consep, read_monuseg, read_tnbc
from mani_monai.data.readers.rasters import read_image
from mani_monai.metrics.instance_scores import compute_instance_scores
from mani_monai.model import Model
from mani_monai.transforms import connected_nuclei, part_nuclei
from mani_monai.transforms.haematoxylin import haematoxylin_probability
from mani_monai.transforms.nucleus import least_area
from mani_monai.transforms.part_nuclei import RULE
from mani_monai.utils.folders import replacing

HOVER_LEAST = 10  # pixels: HoVer-Net's smallest nucleus
FIGURES = ("dice", "aji", "pq", "dq", "sq")
VARIANTS = {
    "as chosen": {},
    "depth 0.5": {"depth": 0.5},
    "depth 1": {"depth": 1.0},
    "depth 1.5": {"depth": 1.5},
    "blur 1": {"blur": 1.0},
    "blur 2": {"blur": 2.0},
    "holes to 1 px": {"hole": 1},
    "holes to 16 px": {"hole": 16},
    "cap 12 px": {"cap": 12},
}
LEAST_AREAS = (10, 30, 80)  # pixels, beside the chosen


@dataclass(frozen=True, eq=False)
class Tile:
    """One labelled image.

    Attributes:
        image: HW3 uint8.
        label: HW ids.
        probability: HW, of nuclei, by the network.
    """

    image: NDArray[np.uint8]
    label: NDArray[np.integer]
    probability: NDArray[np.float32]


Way = Callable[[Tile], NDArray[np.int32]]
WAYS: dict[str, Way] = {
    "network, connected pieces": lambda tile: connected_nuclei(tile.probability > 0.5, HOVER_LEAST),
    "network, parted": lambda tile: part_nuclei(tile.probability),
    "haematoxylin, parted": lambda tile: part_nuclei(haematoxylin_probability(tile.image)),
}


def records_of(name: str, root: Path) -> list[Record]:
    """The images of a data set's part by its name here: tnbc, consep_train, consep_test, monuseg.

    Args:
        name: which.
        root: folder with TNBC, CoNSeP and MoNuSeg.
    """
    if name == "tnbc":
        return list(read_tnbc(root / "TNBC", root / "TNBC" / "labels_instance").records)
    if name == "monuseg":
        return list(read_monuseg(root / "MoNuSeg").records)
    part = {"consep_train": "training", "consep_test": "test"}[name]
    return [record for record in read_consep(root / "CoNSeP").records if record.part == part]


def tiles_of(records: Iterable[Record], bundle: Path, maps: Path) -> Iterator[Tile]:
    """Images with labels and a network's probabilities.

    Args:
        records: the images.
        bundle: the network.
        maps: folder that keeps the network's answers, HW .npy of logits; what is there is not computed again.
    """
    torch.set_num_threads(1)
    maps.mkdir(parents=True, exist_ok=True)
    model = Model.open(bundle, precision="float32")
    for record in records:
        image = read_image(record.image).pixels
        kept = maps / f"{record.id}.npy"
        if not kept.is_file():
            background, nuclei = model.maps(image)[:2]
            with replacing(kept) as partial, open(partial, "wb") as stream:
                np.save(stream, nuclei - background, allow_pickle=False)
        logits = np.load(kept, allow_pickle=False)
        probability = torch.from_numpy(logits).sigmoid().numpy()
        assert record.read_mask is not None  # all of these data sets are labelled
        yield Tile(image, record.read_mask(image.shape[:2]).values, probability)


def score(tiles: Iterable[Tile], way: Way) -> dict[str, float]:
    """Means of the images' scores, nuclei in all and the median of the images' count errors."""
    rows, found, true = [], [], []
    for tile in tiles:
        instances = way(tile)
        scores = compute_instance_scores(instances, tile.label)
        rows.append(scores.figures())
        found.append(int(np.count_nonzero(np.unique(instances))))
        true.append(int(np.count_nonzero(np.unique(tile.label))))
    errors = [abs(one - other) / other for one, other in zip(found, true, strict=True) if other]
    means = {name: fmean(row[name] for row in rows) for name in FIGURES}
    return {"images": len(rows), **means, "found": sum(found), "true": sum(true), "count_error": median(errors)}


def sensitivity(tiles: list[Tile]) -> dict[str, dict[str, float]]:
    """Scores where one number of the rule is another, and where the smallest nucleus is."""
    rules = {name: replace(RULE, **change) for name, change in VARIANTS.items()}
    rows = {
        name: score(tiles, lambda tile, rule=rule: part_nuclei(tile.probability, rule=rule))
        for name, rule in rules.items()
    }
    for least in LEAST_AREAS:
        rows[f"nuclei from {least} px"] = score(tiles, lambda tile, least=least: part_nuclei(tile.probability, least))
    return rows


def table(rows: dict[str, dict[str, float]], first: str) -> str:
    """Rows of scores as a Markdown table.

    Args:
        rows: scores by name.
        first: title of the names' column.
    """
    lines = [
        f"| {first} | images | Dice | AJI | PQ | DQ | SQ | found / true | median count error |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        figures = " | ".join(f"{row[figure]:.3f}".removeprefix("0") for figure in FIGURES)
        counts = f"{row['found']:,} / {row['true']:,} | {row['count_error']:.1%}"
        lines.append(f"| {name} | {row['images']} | {figures} | {counts} |")
    return "\n".join(lines)


def rule_of_thumb() -> str:
    """The numbers in use, as one line of the page."""
    return (
        f"depth {RULE.depth} px, blur {RULE.blur} px, holes to {RULE.hole} px, cap {RULE.cap} px, "
        f"nuclei from {least_area()} px"
    )
