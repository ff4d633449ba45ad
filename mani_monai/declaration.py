"""What a trained network is: the key "model" of a bundle's ``metadata.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mani_monai.known_components import HOVER_PARTING, built, known_network, known_parting, known_steps
from mani_monai.known_networks import NETWORKS, KnownNetwork
from mani_monai.utils import InputError

if TYPE_CHECKING:
    from monai.inferers import Inferer
    from monai.transforms import MapTransform
    from torch import nn

KEY = "model"
UNET, HOVERNET = "mani_unet", "mani_hovernet"
ROWS, COLUMNS = "rows_columns", "columns_rows"
OUTPUTS = {UNET: ("mask", "geojson", "csv", "overlay"), HOVERNET: ("tiff", "png", "geojson", "csv", "overlay")}
"""Files of an image by default."""
CALIBRATED = "model.pt"
"""The weights that ``mani calibrate`` and ``mani prototypes`` measure; what they note holds for no others."""
_CALIBRATION = ("temperature", "bias")  # arguments of a parting
_AGAIN = "export the training again"


@dataclass(frozen=True)
class Declaration:
    """A trained network and the steps around it; nothing else decides what is found in an image.

    Attributes:
        bundle: "mani_unet" or "mani_hovernet".
        network: ``network_def`` of the training, without references; of a network in ``NETWORKS``.
        axes: order of the spatial axes that the network sees: "rows_columns", or "columns_rows" in older exports.
        preprocessing: what happens to each image between decoding (3HW RGB in 0..255) and scaling to 0..1.
        window: edge of the network's input in pixels, below 1 for whole images. MONAI's own inference cuts images into
            such windows. Here a U-Net does so where its normalisation measures the window, and HoVer-Net always.
        mpp: micrometres per pixel of the images it was trained on; None where that is not known.
        parting: the transform that makes instances of its answer, with its constants.
        class_names: of types of nuclei, background first; None where it tells no types.

    Raises:
        InputError: when a part is not known here, or is of no use.
    """

    bundle: str
    network: Mapping[str, Any]
    parting: Mapping[str, Any]
    window: int
    axes: str = ROWS
    preprocessing: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    mpp: float | None = None
    class_names: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.bundle not in (UNET, HOVERNET):
            raise InputError(f"bundle: is {self.bundle!r}; this project knows {UNET} and {HOVERNET}.")
        object.__setattr__(self, "network", known_network(self.network))
        object.__setattr__(self, "preprocessing", known_steps(self.preprocessing))
        object.__setattr__(self, "parting", known_parting(self.parting))
        if self.axes not in (ROWS, COLUMNS):
            raise InputError(f"axes: are {self.axes!r}; write {ROWS}, or {COLUMNS} for older weights.")
        if (
            isinstance(self.window, bool)
            or not isinstance(self.window, int)
            or 0 < self.window < 16
            or self.window > 8192
        ):
            raise InputError(f"window: is {self.window!r}; write pixels, 16 to 8192, or -1 for whole images.")
        object.__setattr__(self, "mpp", _mpp(self.mpp))
        object.__setattr__(self, "class_names", _names(self.class_names, self.types))

    @property
    def kind(self) -> KnownNetwork:
        """The entry of ``NETWORKS`` that the network is of."""
        return NETWORKS[self.network["_target_"]]

    @property
    def outputs(self) -> tuple[str, ...]:
        """Files of an image by default."""
        return OUTPUTS[self.bundle]

    @property
    def types(self) -> int:
        """How many classes of nuclei the network tells apart, background included; 0 for none."""
        return self.kind.types(self.network)

    @property
    def third(self) -> str | None:
        """What a U-Net's third channel tells, "contour" or "distance", as its parting says; None without one."""
        if self.network.get("out_channels", 2) < 3:
            return None
        from mani_monai.transforms.part_nucleid import CONTOUR  # where the parting does not say

        return self.parting.get("third", CONTOUR)

    @property
    def further_channels(self) -> tuple[str, ...]:
        """What the answer's channels tell behind those that every network of the bundle has."""
        names = self.class_names or [str(number) for number in range(self.types)]
        return tuple(f"type: {name}" for name in names) if self.types else (self.third,) if self.third else ()

    @property
    def deployed(self) -> dict[str, Any]:
        """``network_def`` of the inference: one tensor out, and no argument that matters in training alone."""
        arguments = {name: value for name, value in self.network.items() if name not in self.kind.training_only}
        return {**arguments, "_target_": self.kind.deployed}

    @property
    def output(self) -> int | None:
        """Edge of the network's answer to a window, in pixels; None where it is the window's."""
        return self.kind.output(self.network)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any], place: str = "configs/metadata.json") -> Declaration:
        """Reads the key "model" of ``metadata.json``.

        Args:
            metadata: the file's content.
            place: the file, for messages.

        Raises:
            InputError: when there is no such key, or an entry is unknown, is missing or is of no use.
        """
        content = metadata.get(KEY)
        if not isinstance(content, Mapping):
            raise InputError(f"{place}: its key {KEY!r} is missing or no object; {_AGAIN}.")
        unknown = content.keys() - cls.__dataclass_fields__.keys()
        missing = {"bundle", "network", "parting", "window"} - content.keys()
        if unknown or missing:
            what = f"has an unknown entry {min(unknown)!r}" if unknown else f"lacks {min(missing)!r}"
            raise InputError(f"{place}: its key {KEY!r} {what}; {_AGAIN}.")
        try:
            return cls(**content)
        except InputError as error:
            raise InputError(f"{place}: {KEY}::{error}") from error

    def as_dict(self) -> dict[str, Any]:
        """The value of the key "model", for JSON."""
        return {
            "bundle": self.bundle,
            "network": dict(self.network),
            "axes": self.axes,
            "preprocessing": [dict(step) for step in self.preprocessing],
            "window": self.window,
            "mpp": self.mpp,
            "parting": dict(self.parting),
            "class_names": None if self.class_names is None else list(self.class_names),
        }

    def trained(self, **changes: Any) -> Declaration:
        """This declaration with what a training changed: network, preprocessing, window, parting, mpp, class_names."""
        return replace(self, **changes)

    def of_weights(self, name: str) -> Declaration:
        """This declaration for a file of a run's weights: a calibration holds for those that it measured alone.

        Args:
            name: of the file, such as "model.pt" or "model_average.pt".
        """
        return self if name == CALIBRATED else self.uncalibrated()

    def uncalibrated(self) -> Declaration:
        """This declaration for other weights than were calibrated."""
        return self.calibrated({})

    def calibrated(self, numbers: Mapping[str, float]) -> Declaration:
        """This declaration with a temperature and a bias of its certainty, and none other.

        Args:
            numbers: by name, as of ``calibration``; empty for none.
        """
        plain = {name: value for name, value in self.parting.items() if name not in _CALIBRATION}
        return replace(self, parting={**plain, **numbers})

    @property
    def calibration(self) -> dict[str, float]:
        """The temperature and the bias of the certainty, by name; empty where none was measured."""
        return {name: self.parting[name] for name in _CALIBRATION if name in self.parting}

    def build_network(self) -> nn.Module:
        """The network as it is deployed, with weights of no meaning; on the meta device within ``torch.device``."""
        return self.kind.build({name: value for name, value in self.deployed.items() if name != "_target_"})

    @property
    def measures_window(self) -> bool:
        """Whether the network's normalisation measures the window that it is shown, as instance normalisation does."""
        norm = str(self.network.get("norm", "INSTANCE"))  # MONAI's default
        return self.output is None and "BATCH" not in norm.upper()

    def build_inferer(self, precision: str = "float32") -> Inferer:
        """What runs the network on a whole image: windows never decide, but where the network measures them.

        A network that answers for the centres of its windows gets them side by side.

        Args:
            precision: "float32", "bfloat16" or "auto".
        """
        from monai.inferers import SlidingWindowInferer

        from mani_monai.inferers import AutocastInferer, TiledHoVerNetInferer, WholeImageInferer

        windows: Inferer = WholeImageInferer()
        if self.window > 0 and self.measures_window:
            windows = SlidingWindowInferer((self.window, self.window), sw_batch_size=4, overlap=0.25, mode="gaussian")
        if self.output is not None:
            windows = TiledHoVerNetInferer(self.window, self.output, batch_size=4)
        return AutocastInferer(precision, channels_last=True, inferer=windows)

    def build_preprocessing(self) -> list[MapTransform]:
        """The steps of ``preprocessing``.

        Raises:
            InputError: when a step does not take its arguments.
        """
        return [built(step) for step in self.preprocessing]

    def settled_parting(self) -> dict[str, Any]:
        """The parting as it is for this pixel size: where it names no smallest nucleus or hole, the project's count."""
        from mani_monai.transforms.hover_instances import LARGEST_HOLE
        from mani_monai.transforms.nucleus import least_area

        hole = {"largest_hole": LARGEST_HOLE} if self.parting["_target_"] == HOVER_PARTING else {}
        own = {"min_size": least_area(self.mpp), **hole}
        return {**self.parting, **{name: value for name, value in own.items() if name not in self.parting}}

    def build_parting(self) -> MapTransform:
        """The transform that makes instances of the key "pred"."""
        return built({**self.settled_parting(), "keys": "pred", "table_key": None})


def _mpp(mpp: Any) -> float | None:
    if mpp is None:
        return None
    from mani_monai.data.pixel_size import given_pixel_size  # which reads images, too: seconds

    size = given_pixel_size(mpp, "mpp")
    return size and size.um


def _names(names: Any, types: int) -> tuple[str, ...] | None:
    if names is None or not types:
        return None
    if not isinstance(names, Sequence) or len(names) != types or not all(isinstance(name, str) for name in names):
        raise InputError(f"class_names: are not {types} names, background first.")
    return tuple(names)
