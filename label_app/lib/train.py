"""Training on the datastore, and adaptation to its unlabelled images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.train import TrainTask

from mani_monai.apps.label.labelled_domains import Labelled
from mani_monai.apps.label.server_training import BUNDLE, default_options, read_options, train
from mani_monai.model import Model
from mani_monai.utils import InputError

DESCRIPTIONS = {
    False: "Train mani_unet on the labelled images",
    True: "Adapt to these unlabelled images: train mani_unet on the labelled ones and adapt it to the others",
}


class NucleiTrainTask(TrainTask):
    """A training of mani_unet by its bundle's ``train.json``.

    Args:
        model: the served bundle that it starts from.
        folder: where the result goes.
        adapt: adapt to the datastore's images without a label.
    """

    def __init__(self, model: Model, folder: Path, adapt: bool) -> None:
        super().__init__(DESCRIPTIONS[adapt])
        self.model = model
        self.folder = folder
        self.adapt = adapt
        self.defaults = default_options(BUNDLE)

    def config(self) -> dict[str, Any]:
        return {name: value for name, value in self.defaults.items() if name != "warmup"}  # follows the iterations

    def check(self, request: dict[str, Any], datastore: Datastore) -> None:
        """Refuses before anything starts what cannot be.

        Raises:
            InputError: when an option is wrong, or images are missing.
        """
        read_options(request, self.defaults)
        if not datastore.get_labeled_images():
            raise InputError("no image of the datastore has a final label; label one first, then train.")
        if self.adapt and not datastore.get_unlabeled_images():
            raise InputError("every image of the datastore has a label; add images without one to adapt to.")

    def __call__(self, request: dict[str, Any], datastore: Datastore) -> dict[str, Any]:
        """Trains.

        Args:
            request: options, see :mod:`mani_monai.apps.label.server_training`.
            datastore: the images.

        Returns:
            where the weights are.

        Raises:
            InputError: when images cannot be used, or the training fails.
        """
        labelled = [Labelled(Path(pair["image"]), Path(pair["label"])) for pair in datastore.datalist()]
        names = datastore.get_unlabeled_images() if self.adapt else None
        unlabelled = None if names is None else [Path(datastore.get_image_uri(name)) for name in names]
        options = read_options(request, self.defaults)
        weights = train(self.model, labelled, unlabelled, options, self.folder)
        return {"weights": str(weights)}
