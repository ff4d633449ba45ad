"""The steps of an image of a folder: read, segment, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mani_monai.apps.infer.folder_result import (
    BEFORE,
    DONE,
    FAILED,
    FORM,
    NOT_KNOWN,
    ImageResult,
    Record,
    begin,
    is_done,
    read_record,
    write_record,
)
from mani_monai.data.pixel_size import PixelSize, scale_for, size_of
from mani_monai.data.readers.rasters import read_image
from mani_monai.model import Model
from mani_monai.transforms.save_nuclei import ENDINGS
from mani_monai.utils import InputError
from mani_monai.utils.folders import file_hash
from mani_monai.utils.one_line import file_line


@dataclass(frozen=True)
class _Item:
    """An image on its way: its line in the summary so far, and what the next step needs."""

    path: Path
    result: ImageResult
    key: Mapping[str, Any] | None = None
    picture: NDArray[np.uint8] | None = None
    maps: NDArray[np.float32] | None = None
    fitted: Model | None = None

    @property
    def is_open(self) -> bool:
        return self.result.status == DONE


@dataclass(frozen=True)
class ImageSteps:
    """The steps of an image: read, segment, write; a step that fails ends it with a reason.

    Attributes:
        model: the bundle.
        out: the folder for outputs.
        outputs: what is written.
        size: of all images' pixels; None for what each file says.
        overwrite: do again what is done.
    """

    model: Model
    out: Path
    outputs: tuple[str, ...]
    size: PixelSize | None
    overwrite: bool

    @property
    def facts(self) -> dict[str, Any]:
        """Of the model and the settings: what outputs follow from."""
        model = self.model
        return {
            "form": FORM,
            "name": model.name,
            "weights": model.weights,
            "network_mpp": model.mpp,
            "precision": model.precision,
            "model": model.declaration.as_dict(),
        }

    def read(self, path: Path) -> _Item:
        """Decodes an image, unless it is done, and finds out how large its pixels are."""
        return self._attempt(_Item(path, ImageResult(path.name, DONE, seconds=0.0)), self._read)

    def segment(self, item: _Item) -> _Item:
        """Asks the network."""
        return self._attempt(item, self._segment) if item.is_open else item

    def write(self, item: _Item) -> ImageResult:
        """Finds the nuclei, writes them and then the record."""
        return (self._attempt(item, self._write) if item.is_open else item).result

    def _attempt(self, item: _Item, step: Callable[[_Item], _Item]) -> _Item:
        start = time.perf_counter()
        try:
            item = step(item)
        except Exception as error:
            if isinstance(error, PermissionError):
                text = f"{error.filename}: permission denied; mend the file's permissions, or those of its folder."
                error = InputError(text)
            torch.cuda.empty_cache()  # where its memory was too small; does nothing without a GPU
            note = file_line(item.path, error)
            return replace(
                item, result=ImageResult(item.path.name, FAILED, note=note), picture=None, maps=None, fitted=None
            )
        seconds = round((item.result.seconds or 0) + time.perf_counter() - start, 3)
        return replace(item, result=replace(item.result, seconds=seconds)) if item.is_open else item

    def _read(self, item: _Item) -> _Item:
        path = item.path
        if not path.exists():
            raise InputError("is a link to a file that does not exist; bring that back, or remove the link.")
        size = size_of(path, self.size)
        key = {**self.facts, "image": file_hash(path), "image_mpp": size and size.um}
        record = read_record(self.out, path.name)
        if not self.overwrite and record is not None and record.is_of_another(key, path):
            raise InputError(
                f"would take the place of {record.source}, whose outputs are there; name another --out, or --overwrite."
            )
        files = [path.stem + ENDINGS[name] for name in self.outputs]
        if not self.overwrite and record is not None and is_done(record, key, self.out, files):
            return replace(item, result=ImageResult(**{**record.result, "status": BEFORE}))
        changed = record.changed(key, self.out, files) if record is not None and not self.overwrite else []
        if changed:
            raise InputError(
                f"would replace {changed[0]}, which was changed since; name another --out, or move that file away."
            )
        scale = scale_for(size, self.model.mpp)
        image = read_image(path)
        height, width = image.pixels.shape[:2]
        result = replace(
            item.result,
            height=height,
            width=width,
            mpp=size and size.um,
            scale=scale,
            pixel_size=self._words(size, scale),
            note=", ".join([*([size.doubt] if size and size.doubt else []), *(note for note, _ in image.notes)]),
        )
        return replace(item, result=result, key=key, picture=image.pixels)

    def _segment(self, item: _Item) -> _Item:
        picture, scale = item.picture, item.result.scale
        assert picture is not None  # as _read leaves an open item
        assert scale is not None
        maps, fitted = self.model.answer(picture, scale)
        return replace(item, maps=maps, fitted=fitted)

    def _write(self, item: _Item) -> _Item:
        name, size, key = item.path.name, item.result.mpp, item.key
        assert key is not None  # as _segment leaves an open item
        assert item.picture is not None
        assert item.maps is not None
        model, scale = item.fitted or self.model, item.result.scale or 1.0
        nuclei = model.nuclei(item.maps, item.picture.shape[:2], size, item.picture, scale)
        written = begin(read_record(self.out, name), key, self.out, name)
        for path in nuclei.save(self.out, item.path.stem, self.outputs, key["image"]):
            written[path.name] = file_hash(path)
        areas = nuclei.table["area"]
        mean = float(areas.mean()) if len(areas) else None
        result = replace(
            item.result,
            nuclei=len(areas),
            area_share=round(float(areas.sum() / nuclei.instances.size), 4),
            mean_area=mean and round(mean, 1),
            mean_area_um2=round(mean * size**2, 2) if mean and size else None,
        )
        write_record(self.out, name, Record(key, written, asdict(result), str(item.path.resolve())))
        return replace(item, result=result, picture=None, maps=None)

    def _words(self, size: PixelSize | None, scale: float) -> str:
        if size is None or self.model.mpp is None:
            whose = " and ".join(
                name for name, um in (("the image's", size), ("the network's", self.model.mpp)) if um is None
            )
            taken = "taken as equal" if self.model.mpp is None else f"taken as the network's {self.model.mpp:.3g} um"
            return f"{NOT_KNOWN} ({whose}): {taken}"
        if scale == 1:
            return f"as the network's, by {size.origin}"
        return f"rescaled {scale:.3g} times to the network's {self.model.mpp:.3g} um, by {size.origin}"
