"""What an evaluator predicts, as files beside its scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
from ignite.engine import Engine, Events
from numpy.typing import NDArray
from torch import Tensor

from mani_monai.data.writers.instance_maps import write_instance_map, write_mask
from mani_monai.evaluation.image_names import image_names


class PredictionWriter:
    """Writes an evaluator's post-processed predictions, one file an image, while it is asked to.

    One-hot masks become ``<image>_mask.png``, 8 bits, 0 and 255; maps of instances ``<image>_instances.tif``.

    Args:
        folder: where to.
        items: the evaluator's items, ``{"image": path, ...}``, in order and one a batch.
        key: of a prediction in the evaluator's output: one-hot CHW, C > 1, background first; or 1HW ids.

    Raises:
        InputError: when two images have one name.
    """

    def __init__(self, folder: str | Path, items: Sequence[Mapping[str, str]], key: str = "pred") -> None:
        self.folder = Path(folder)
        self.names = image_names(items)
        self.key = key

    @contextmanager
    def writing(self, evaluator: Engine) -> Iterator[None]:
        """Writes whatever ``evaluator`` predicts within the block.

        Raises:
            InputError: when a file cannot be written.
        """
        with evaluator.add_event_handler(Events.ITERATION_COMPLETED, self):
            yield

    def __call__(self, engine: Engine) -> None:
        """
        Args:
            engine: an evaluator that has just done an image; its output is a list of one.
        """
        (output,) = cast("Sequence[Mapping[str, Tensor]]", engine.state.output)
        name = self.names[engine.state.iteration - 1]
        prediction = self._plane(output[self.key])
        if len(output[self.key]) == 1:
            write_instance_map(self.folder / f"{name}_instances.tif", prediction.astype(np.int64))
        else:
            write_mask(self.folder / f"{name}_mask.png", prediction)

    def _plane(self, prediction: Tensor) -> NDArray[np.generic]:
        plane = prediction[0] if len(prediction) == 1 else prediction.argmax(dim=0)
        return plane.cpu().numpy()
