"""A MONAI Label app: mani_unet and mani_hovernet behind a viewer, training and adaptation on its images.

``mani label`` starts it.
"""

from __future__ import annotations

import logging
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lib.answers import answering
from lib.infer import NucleiTask
from lib.train import NucleiTrainTask
from monailabel.config import settings
from monailabel.datastore.local import LocalDatastore
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.datastore import Datastore, DefaultLabelTag
from monailabel.tasks.activelearning.first import First
from monailabel.tasks.activelearning.random import Random

from mani_monai.apps.label.label_command import QUPATH
from mani_monai.apps.label.served_bundles import serve_bundles
from mani_monai.data.readers.rasters import IMAGE_ENDINGS
from mani_monai.utils.library_words import quiet_decoders

logger = logging.getLogger(__name__)
quiet_decoders.__enter__()  # for as long as the server runs


class ManiApp(MONAILabelApp):
    """The app.

    Args:
        app_dir: its folder; bundles lie in ``model`` of it unless ``conf`` says otherwise.
        studies: a folder of images, the datastore; what is trained goes into its ``trained``.
        conf: "bundles": folders or zips of exported bundles, or of folders that hold them, with commas between.
    """

    def __init__(self, app_dir: str, studies: str, conf: dict[str, str]) -> None:
        places = (conf.get("bundles") or str(Path(app_dir) / "model")).split(",")
        found = serve_bundles([place.strip() for place in places])
        for line in found.refused:
            logger.error(line)
        self._bundles = found.models
        self._trained = Path(studies) / "trained"
        super().__init__(
            app_dir,
            studies,
            conf,
            name="mani-monai",
            description=f"Nuclei in histology, on tissues that nobody has labelled. {QUPATH}",
            version=version("mani-monai"),
        )

    def init_datastore(self) -> Datastore:
        if self.studies.startswith(("http://", "https://")):
            return super().init_datastore()
        return LocalDatastore(
            self.studies,
            extensions=[f"*{ending}" for ending in (*IMAGE_ENDINGS, ".xml")],  # XML: labels of QuPath
            auto_reload=settings.MONAI_LABEL_DATASTORE_AUTO_RELOAD,
            read_only=settings.MONAI_LABEL_DATASTORE_READ_ONLY,
        )

    def init_trainers(self) -> dict[str, NucleiTrainTask]:
        model = self._bundles.get("mani_unet")
        if model is None:
            return {}
        return {
            "mani_unet": NucleiTrainTask(model, self._trained / "mani_unet_trained", adapt=False),
            "mani_unet_adapt": NucleiTrainTask(model, self._trained / "mani_unet_adapted", adapt=True),
        }

    def init_infers(self) -> dict[str, NucleiTask]:
        infers = {name: NucleiTask(model) for name, model in self._bundles.items()}
        if "mani_unet" in infers:
            for name in ("mani_unet_trained", "mani_unet_adapted"):
                infers[name] = NucleiTask(self._bundles["mani_unet"], self._trained / name)
        return infers

    def init_strategies(self) -> dict[str, Any]:
        return {"random": Random(), "first": First()}

    def infer(self, request: dict[str, Any], datastore: Datastore | None = None) -> dict[str, Any]:
        """Answers an inference request on an image of the datastore, one just uploaded, or one of a session."""
        store = datastore or self.datastore()
        with answering(self._server_mode) as answer:
            task = self._infers.get(request.get("model"))
            if task is None or not task.is_valid():
                known = ", ".join(name for name, task in self._infers.items() if task.is_valid()) or "none"
                raise answer.missing(f"there is no model {request.get('model')!r}; there are: {known}.")
            image = request.get("image")
            path = self._image_path(image, store)
            if path is None:
                raise answer.missing(f"there is no image {image!r} in the datastore.")
            file, params = task({**request, "image": str(path)})
            tag, label = request.get("label_tag", DefaultLabelTag.ORIGINAL), file
            if file and request.get("save_label") and image in store.list_images():
                label = store.save_label(image, file, tag, {"model": request["model"], "params": params})
            return {"label": label, "tag": tag, "file": file, "params": params}

    def infer_wsi(self, request: dict[str, Any], datastore: Datastore | None = None) -> dict[str, Any]:
        """As :meth:`infer`, with outlines for an answer. A region is taken whole: tiles would cut its nuclei."""
        return self.infer({"output": None, **request}, datastore)

    def train(self, request: dict[str, Any]) -> dict[str, Any]:
        """Runs a training in this process; the server starts one of its own for it."""
        with answering(self._server_mode):
            return self.check_training(request)(request, self.datastore())

    def check_training(self, request: dict[str, Any]) -> NucleiTrainTask:
        """The task of a request for training.

        Raises:
            HTTPException: in a server, when there is no such trainer, an option is wrong or images are missing.
            InputError: elsewhere.
        """
        with answering(self._server_mode) as answer:
            trainer = self._trainers.get(request.get("model"))
            if trainer is None:
                known = ", ".join(self._trainers) or "none"
                raise answer.missing(f"there is no trainer {request.get('model')!r}; there are: {known}.")
            trainer.check(request, self.datastore())
            return trainer

    def _image_path(self, image: Any, datastore: Datastore) -> Path | None:
        """An image's file; None where it is none that a client may name."""
        if not isinstance(image, str) or not image:
            return None
        known = datastore.get_image_uri(image)
        path = Path(known or image).resolve()
        sessions = self.sessions()
        open_to_clients = [self.studies, tempfile.gettempdir(), *([sessions.store_path] if sessions else [])]
        inside = any(path.is_relative_to(Path(place).resolve()) for place in open_to_clients)
        return path if path.is_file() and inside else None
