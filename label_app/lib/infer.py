"""A bundle's inference on what a client asks for."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType
from monailabel.transform.writer import PolygonWriter, Writer

from mani_monai.apps.label.annotations import annotation_of, label_names
from mani_monai.apps.label.regions import LastMeasured, Region, nuclei_of_region, read_region, read_size, said_of
from mani_monai.apps.label.server_training import WEIGHTS
from mani_monai.declaration import Declaration
from mani_monai.model import Model
from mani_monai.nuclei import Nuclei
from mani_monai.run.run_folder import metadata_file
from mani_monai.utils import InputError
from mani_monai.utils.files import load_network, load_tensors
from mani_monai.utils.one_line import file_line

ENDINGS = (".png", ".tif", ".tiff", ".nrrd", ".nii", ".nii.gz")
KINDS = ("uint8", "uint16")  # what all of these hold


class NucleiTask(InferTask):
    """Finds nuclei in an image or a region of it.

    On MONAI Label's endpoint for images it gives a label map of the image or region: 0 and 1 of mani_unet, ids of the
    nuclei of mani_hovernet. On those for slides it gives outlines, one a nucleus.

    Args:
        model: the bundle.
        trained: the folder of a training, whose weights take the place of the bundle's; until it is there, the task is
            not valid, and MONAI Label does not offer it.
    """

    def __init__(self, model: Model, trained: Path | None = None) -> None:
        origin = f"trained here from {model.name} {model.version}" if trained else f"{model.name} {model.version}"
        super().__init__(InferType.SEGMENTATION, label_names(model.declaration.class_names), 2, f"nuclei, {origin}")
        self.model = model
        self.weights = trained / WEIGHTS if trained else None
        self._served = model
        self._read_at: int | None = None
        self._measured = LastMeasured()

    def info(self) -> dict[str, Any]:
        return {**super().info(), "pathology": True, "version": self.model.version}

    def is_valid(self) -> bool:
        return self.weights is None or self.weights.is_file()

    def get_path(self, validate: bool = True) -> str | None:
        return str(self.weights) if self.weights and (self.is_valid() or not validate) else None

    def __call__(self, request: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """
        Args:
            request: "image", a file; "location" and "size" of a region; "mpp", micrometres per pixel, by default what
                the file says; for label maps "result_extension" and "result_dtype"; for outlines "output": "asap",
                "dsa", or None for JSON.

        Returns:
            a temporary file, None for outlines as JSON, and what is said of it.

        Raises:
            InputError: for an image or a region that cannot be taken, or a format that cannot hold the answer.
        """
        start = time.perf_counter()
        whole, region = read_region(request["image"], request)
        model, read = self._current(), time.perf_counter()
        try:
            size = read_size(request["image"], request)
            nuclei = nuclei_of_region(model, self._measured, whole, region, size)
        except InputError as error:
            raise InputError(file_line(Path(request["image"]), error)) from error
        found = time.perf_counter()
        file, said = self._outlines(request, nuclei, region) if "output" in request else self._map(request, nuclei)
        end = time.perf_counter()
        said["latencies"] = {"pre": read - start, "infer": found - read, "post": end - found, "total": end - start}
        said |= {"label_names": self.labels, "nuclei": len(nuclei), **said_of(size)}
        return file, said | {"location": list(region.location), "size": list(region.size)}

    def _current(self) -> Model:
        """The network with its steps; a later training's are read anew."""
        if self.weights is not None:
            written = self.weights.stat().st_mtime_ns
            if written != self._read_at:
                metadata = metadata_file(self.weights.parents[1])
                declaration = Declaration.from_metadata(json.loads(metadata.read_text(encoding="utf-8")), str(metadata))
                network = declaration.build_network()
                load_network(network, load_tensors(self.weights), self.weights)
                self._served = Model(network, declaration, self.model.device, self.model.precision)
                self._read_at = written
        return self._served

    def _map(self, request: dict[str, Any], nuclei: Nuclei) -> tuple[str, dict[str, Any]]:
        values, smallest = (nuclei.instances, "uint16") if nuclei.mask is None else (nuclei.mask, "uint8")
        most = int(values.max(initial=0))
        ending = str(request.get("result_extension") or ".png").lower()
        ending = ending if ending.startswith(".") else f".{ending}"
        kind = str(request.get("result_dtype") or smallest)
        if ending not in ENDINGS or kind not in KINDS:
            known = f"choose from {', '.join(ENDINGS)}, and {' or '.join(KINDS)}"
            raise InputError(f"result_extension {ending}, result_dtype {kind}: {known}.")
        highest = np.iinfo(kind).max
        if most > highest:
            raise InputError(f"result_dtype {kind}: holds ids up to {highest}, not {most}; ask for a smaller region.")
        data = {"pred": values.T, "image_path": request["image"], "result_extension": ending, "result_dtype": kind}
        return Writer(label="pred", json="result")(data)  # it takes the width first

    def _outlines(self, request: dict[str, Any], nuclei: Nuclei, region: Region) -> tuple[str | None, dict[str, Any]]:
        annotation = annotation_of(nuclei, region.location)
        data = {**request, "result": {"annotation": annotation}, "description": self.description}
        data |= {"location": region.location, "size": region.size, "logging": "WARNING"}  # else a line a nucleus
        return PolygonWriter(json="result")(data)
