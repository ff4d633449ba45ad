"""What a model finds in an image."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mani_monai.transforms import nuclei_table
from mani_monai.transforms.rescaling import Frame
from mani_monai.transforms.save_nuclei import ENDINGS, MASK, OUTPUTS, write_output
from mani_monai.utils import InputError
from mani_monai.utils.folders import file_hash

if TYPE_CHECKING:
    from mani_monai.declaration import Declaration

OVERLAY = "overlay"
NOT_FINITE = "the network's answer is not finite; export other weights, or try --precision float32."


@dataclass(frozen=True, eq=False)
class Nuclei:
    """The nuclei of an image, at the image's own size.

    Attributes:
        instances: HW int32 ids 1..N, 0 background.
        table: columns by name, a row a nucleus, as :func:`mani_monai.transforms.nuclei_table` has them; lengths in the
            image's pixels, and "area_um2" where their size is known. ``pandas.DataFrame(nuclei.table)`` takes it.
        probability: HW float32 in 0..1, of a pixel being nucleus.
        mask: HW bool, the pixels of nuclei before they are parted; None where the model gives none.
        picture: HW3 uint8, the image; without it there is no overlay.
        class_names: of the types of nuclei, background first; None where there are no types.
        source: what ids in GeoJSON tell the image by: the SHA-256 of its file, or of its pixels where there is no file;
            None where nobody knows.
    """

    instances: NDArray[np.int32]
    table: dict[str, NDArray]
    probability: NDArray[np.float32]
    mask: NDArray[np.bool_] | None = None
    picture: NDArray[np.uint8] | None = None
    class_names: Sequence[str] | None = None
    source: str | None = None

    def __len__(self) -> int:
        return len(self.table["id"])

    @cached_property
    def polygons(self) -> dict[int, list[list[NDArray]]]:
        """Outlines by id: polygons, each an outer ring and its holes; points are x, y on the edges of pixels."""
        from mani_monai.transforms.polygons import instance_polygons

        return instance_polygons(self.instances)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What :meth:`save` can write."""
        lacking = {MASK if self.mask is None else "", OVERLAY if self.picture is None else ""}
        return tuple(name for name in ENDINGS if name not in lacking)

    def save(
        self,
        folder: str | Path,
        name: str = "image",
        outputs: str | Sequence[str] | None = None,
        source: str | None = None,
    ) -> list[Path]:
        """Writes files, as :class:`mani_monai.transforms.save_nuclei.SaveNucleid` names them.

        Args:
            folder: receives them; it is made.
            name: what their names begin with.
            outputs: which of :attr:`outputs`, a list or one text with commas; by default all but NIfTI.
            source: what ids in GeoJSON tell the image by; :attr:`source` by default, so that they are those of ``mani
                infer``, whatever the name is. The name, where that is None.

        Returns:
            the files.

        Raises:
            InputError: when the name is none of a file, an output is unknown or cannot be made, or a file cannot be
                written.
        """
        if name in ("", "..") or name != Path(name).name or "\0" in name:
            raise InputError(
                f"name {name!r}: is none of a file in a folder; leave out what lies before the last slash."
            )
        if isinstance(outputs, str):
            outputs = outputs.split(",")
        if outputs is None:
            outputs = [output for output in (MASK, *OUTPUTS) if output in self.outputs]
        unknown = [output for output in outputs if output not in self.outputs]
        if unknown:
            raise InputError(f"outputs {unknown[0]}: is not there; choose among {', '.join(self.outputs)}.")
        paths, told_by = [], source or self.source or name
        for output in sorted(outputs, key="png".__eq__):  # last: it alone cannot hold every map
            paths.append(Path(folder) / (name + ENDINGS[output]))
            picture = np.empty(0) if self.picture is None else self.picture
            table, names = self.table, self.class_names
            write_output(output, paths[-1], picture, self.instances, table, names, self.mask, told_by)
        return paths


def nuclei_probability(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """HW of nuclei in 0..1 from KHW logits, those of background and nuclei first."""
    odds = np.exp(np.clip(maps[0] - maps[1], -80, 80))
    return (1 / (1 + odds)).astype(np.float32, copy=False)


def nuclei_of(
    instances: NDArray[np.int32],
    maps: NDArray[np.float32],
    frame: Frame,
    declaration: Declaration,
    mpp: float | None = None,
    picture: NDArray[np.uint8] | None = None,
) -> Nuclei:
    """Nuclei of a network's answer, once it is parted, on the grid of an image.

    Args:
        instances: HW ids, 0 background, on the answer's grid.
        maps: KHW, logits of background and nuclei first, those of the types of nuclei last.
        frame: which pixels of the image the answer is for.
        declaration: of the network: its types, the calibration of its certainty, and whether it has a mask.
        mpp: of the image, for areas in square micrometres.
        picture: the image, for overlays.
    """
    instances, types = frame.nearest(instances), declaration.types
    probability = frame.smooth(nuclei_probability(maps)[None])[0]
    scores = frame.smooth(maps[len(maps) - types :]) if types else None
    table = nuclei_table(instances, probability, scores, **declaration.calibration)
    if mpp is not None:
        table["area_um2"] = table["area"] * mpp**2
    mask = frame.nearest(maps[1] > maps[0]) if MASK in declaration.outputs else None
    return Nuclei(instances, table, probability, mask, picture, declaration.class_names)


def source_of(image: Path | NDArray[np.uint8]) -> str:
    """What ids of nuclei tell an image by: the SHA-256 of its file, or of its size and pixels.

    Args:
        image: a file, or HW3 RGB.
    """
    if isinstance(image, Path):
        return file_hash(image)
    digest = hashlib.sha256(f"{image.shape[1]}x{image.shape[0]}".encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()
