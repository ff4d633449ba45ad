"""What a model finds in an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mani_monai.transforms.polygons import instance_polygons
from mani_monai.transforms.save_nuclei import ENDINGS, MASK, OUTPUTS, write_output
from mani_monai.utils import InputError

OVERLAY = "overlay"


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
    """

    instances: NDArray[np.int32]
    table: dict[str, NDArray]
    probability: NDArray[np.float32]
    mask: NDArray[np.bool_] | None = None
    picture: NDArray[np.uint8] | None = None
    class_names: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.table["id"])

    @cached_property
    def polygons(self) -> dict[int, list[list[NDArray]]]:
        """Outlines by id: polygons, each an outer ring and its holes; points are x, y on the edges of pixels."""
        return instance_polygons(self.instances)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What :meth:`save` can write."""
        lacking = {MASK if self.mask is None else "", OVERLAY if self.picture is None else ""}
        return tuple(name for name in ENDINGS if name not in lacking)

    def save(self, folder: str | Path, name: str, outputs: Sequence[str] | None = None) -> list[Path]:
        """Writes files, as :class:`mani_monai.transforms.save_nuclei.SaveNucleid` names them.

        Args:
            folder: receives them; it is made.
            name: what their names begin with.
            outputs: which of :attr:`outputs`; by default all but NIfTI.

        Returns:
            the files.

        Raises:
            InputError: when an output is unknown or cannot be made, or a file cannot be written.
        """
        if outputs is None:
            outputs = [output for output in (MASK, *OUTPUTS) if output in self.outputs]
        unknown = [output for output in outputs if output not in self.outputs]
        if unknown:
            raise InputError(f"outputs {unknown[0]}: is not there; choose among {', '.join(self.outputs)}.")
        paths = []
        for output in sorted(outputs, key="png".__eq__):  # last: it alone cannot hold every map
            paths.append(Path(folder) / (name + ENDINGS[output]))
            picture = np.empty(0) if self.picture is None else self.picture
            write_output(output, paths[-1], picture, self.instances, self.table, self.class_names, self.mask)
        return paths
