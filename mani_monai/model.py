"""A trained network with the steps around it, out of a run's folder or an export, of which nothing is executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.inferers import Inferer
from monai.transforms import MapTransform
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from mani_monai.bundle_files import read_bundle
from mani_monai.data.pixel_size import given_pixel_size, read_pixel_size, scale_for
from mani_monai.data.readers.rasters import read_image
from mani_monai.declaration import COLUMNS, Declaration
from mani_monai.network_input import NetworkInput, Whole
from mani_monai.nuclei import NOT_FINITE, Nuclei, nuclei_of, source_of
from mani_monai.transforms.rescaling import Frame, grid_shape, is_taken_whole, ratio_of, rescaled
from mani_monai.transforms.tissue import off_tissue, shown_as_glass, tissue_mask
from mani_monai.utils import InputError
from mani_monai.utils.devices import choose_device, chosen_precision
from mani_monai.utils.library_words import quiet_decoders


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with the steps around it.

    Attributes:
        network: gives BKHW for B3HW: logits of background and nuclei, what its parting needs, logits of types.
        declaration: the steps.
        device: where it runs; by default the GPU where there is one.
        precision: "float32", "bfloat16" or, until it is made, "auto".
        weights: SHA-256 of the file of its weights.
        version: the bundle's.
        licence: terms of the data that it was trained on; None where it does not say.
        domains: the data sets that it was trained on, each with its name, role and licence.
        input: makes what the network takes of a picture.
        prototypes: vectors of the source's "nuclei" and "background", as ``mani prototypes`` noted them; None without.
    """

    network: nn.Module
    declaration: Declaration
    device: torch.device | str | None = None
    precision: str = "auto"
    weights: str = ""
    version: str = ""
    licence: str | None = None
    domains: Sequence[Mapping[str, Any]] = ()
    prototypes: Mapping[str, Any] | None = None
    input: NetworkInput = field(init=False, repr=False)
    _part: MapTransform = field(init=False, repr=False)

    def __post_init__(self) -> None:
        device = choose_device(self.device)
        object.__setattr__(self, "device", device)
        object.__setattr__(self, "precision", chosen_precision(self.precision, device))
        network = self.network.eval().to(device)
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]: the stubs lack it
        object.__setattr__(self, "network", network)
        steps = self.declaration.build_preprocessing()
        object.__setattr__(self, "input", NetworkInput(steps, self.declaration.axes == COLUMNS, device))
        object.__setattr__(self, "_part", self.declaration.build_parting())

    @classmethod
    def open(
        cls,
        path: str | Path,
        device: torch.device | str | None = None,
        precision: str = "auto",
        weights: str = "model.pt",
    ) -> Model:
        """Opens a run's folder, an exported folder or an exported zip, which is inspected first.

        Numbers, names and tensors are read. Configs and code of the bundle are never executed.

        Args:
            path: the folder or zip.
            device: where the network runs; by default the GPU where there is one.
            precision: "float32", "bfloat16" or "auto": bfloat16 where the device has instructions for it.
            weights: a file in its ``models``.

        Raises:
            InputError: for an unknown precision or device, no bundle, one that an inspection refuses, a network or
                steps that are not known here, and weights that are missing or of another network.
        """
        precision = chosen_precision(precision, device := choose_device(device))
        network, declaration, facts = read_bundle(path, weights)
        return cls(network, declaration, device, precision, *facts)

    def declared(self, declaration: Declaration) -> Model:
        """This model with another declaration of the same network; itself where it is its own."""
        return self if declaration is self.declaration else replace(self, declaration=declaration)

    @property
    def name(self) -> str:
        """ "mani_unet" or "mani_hovernet"."""
        return self.declaration.bundle

    @property
    def mpp(self) -> float | None:
        """Micrometres per pixel of the images that it was trained on; None where that is not known."""
        return self.declaration.mpp

    @property
    def state(self) -> dict[str, Tensor]:
        """State dictionary for a network that sees rows first: that of this one, or its exact mirror image."""
        state, mirrored = self.network.state_dict(), self.declaration.axes == COLUMNS
        return {n: v.transpose(-1, -2).contiguous() if mirrored and v.ndim == 4 else v for n, v in state.items()}

    @property
    def outputs(self) -> tuple[str, ...]:
        """What is written of an image by default."""
        return self.declaration.outputs

    def __call__(self, image: str | Path | Image.Image | NDArray[np.uint8], mpp: float | None = None) -> Nuclei:
        """Finds the nuclei of an image.

        Args:
            image: a file, a PIL image or HW3 uint8 RGB; of OpenCV, which has blue first, ``image[..., ::-1]``.
            mpp: micrometres per pixel, the file's by default; the image is rescaled if the network's is a tenth off.

        Returns:
            nuclei at the image's own size. Their ids in GeoJSON are those of ``mani infer`` for the same file. Those of
            an array or a PIL image follow from its pixels.

        Raises:
            InputError: for an image that cannot be taken, or an answer that is not finite.
        """
        size = given_pixel_size(mpp, "mpp")
        if isinstance(image, (str, Path)):
            with quiet_decoders:
                size = size or read_pixel_size(image)
                picture = read_image(image).pixels
        else:
            from mani_monai.data.readers.given_pictures import as_rgb  # commands name files

            picture = as_rgb(image)
        scale = scale_for(size, self.mpp)
        maps, fitted = self.answer(picture, scale)
        nuclei = fitted.nuclei(maps, picture.shape[:2], size and size.um, picture, scale)
        return replace(nuclei, source=source_of(Path(image) if isinstance(image, (str, Path)) else picture))

    def answer(self, picture: NDArray[np.uint8], scale: float = 1.0) -> tuple[NDArray[np.float32], Model]:
        """The network's answer for a picture of any size; of a large one, windows stand for stains and borders.

        Args:
            picture: HW3 RGB.
            scale: by what its sides are multiplied for the network.

        Returns:
            the answer as :meth:`maps` gives it, and the model that finds its nuclei.

        Raises:
            InputError: as of :meth:`maps` and :meth:`measured`.
        """
        whole, fitted = self.measured(grid := rescaled(picture, scale))
        return fitted.maps(grid, whole), fitted

    def measured(self, whole: NDArray[np.uint8]) -> tuple[Whole, Model]:
        """What stands for a picture in the answer to any part of it.

        Args:
            whole: HW3 RGB, at the network's pixel size.

        Returns:
            what :meth:`maps` takes as its whole, and the model that finds nuclei there: of a large picture the colours
            of its tissue and a model with its borders, both by windows of it; else the picture and this model.

        Raises:
            InputError: as of :meth:`maps`, and when stains are normalised twice and the picture is large.
        """
        if is_taken_whole(whole.shape[:2]):
            return whole, self
        from mani_monai.large_picture import measured  # few pictures are

        colours, declaration = measured(self, whole)
        return colours, self.declared(declaration)

    def maps(
        self, picture: NDArray[np.uint8], whole: Whole = None, tissue: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float32]:
        """The network's answer for a picture; what is no tissue is shown to it as glass, and holds no nuclei.

        Args:
            picture: HW3 RGB, at the network's pixel size.
            whole: HW3 RGB whose tissue stains are normalised by, or what was measured of it; itself by default.
            tissue: HW, the picture's :func:`tissue_mask` where that is known.

        Returns:
            KHW, rows then columns; what :meth:`nuclei` takes.

        Raises:
            InputError: when a step changes the picture's shape.
        """
        if isinstance(whole, np.ndarray) and whole.shape == picture.shape:
            whole = None
        tissue = tissue_mask(picture) if tissue is None else tissue
        shown = shown_as_glass(picture, tissue)
        measured = whole is None and self.input.takes_mask
        image = self.input.of_shown(shown, whole, tissue_mask(shown, (picture, tissue)) if measured else None)
        with torch.inference_mode():
            answer = self.inferer(image.unsqueeze(0), self.network)[0]
        return off_tissue(self.input.turned(answer).contiguous().cpu().numpy(), tissue)

    def nuclei(
        self,
        maps: NDArray[np.float32],
        shape: tuple[int, int],
        mpp: float | None = None,
        picture: NDArray[np.uint8] | None = None,
        scale: float = 1.0,
    ) -> Nuclei:
        """Nuclei from the network's answer.

        Args:
            maps: as :meth:`maps` gives them.
            shape: height and width of the image that the nuclei are wanted in.
            mpp: of that image, for areas in square micrometres.
            picture: that image, for overlays.
            scale: by what its sides were multiplied for the network.

        Raises:
            InputError: when the answer is not finite.
            ValueError: when the maps are not those of such an image.
        """
        frame = Frame.of(shape, ratio_of(scale))
        if maps.shape[1:] != grid_shape(shape, frame.ratio):
            raise ValueError(f"maps must be those of {shape} at a scale of {scale}, got {maps.shape[1:]}.")
        return nuclei_of(self.parted(maps), maps, frame, self.declaration, mpp, picture)

    def parted(self, maps: NDArray[np.float32]) -> NDArray[np.int32]:
        """HW ids of nuclei from the network's answer, 0 background.

        Args:
            maps: as :meth:`maps` gives them.

        Raises:
            InputError: when the answer is not finite.
        """
        if not np.isfinite([maps.min(), maps.max()]).all():
            raise InputError(NOT_FINITE)
        return np.asarray(self._part({"pred": maps})["instances"])[0]

    @property
    def inferer(self) -> Inferer:
        """What runs the network on a whole image, in windows where it takes windows."""
        return self.declaration.build_inferer(self.precision)
