"""The weights that come along on the sample of tissue."""

from __future__ import annotations

from pathlib import Path

from mani_monai.apps.infer.infer_command import infer
from mani_monai.apps.infer.sample_command import write_sample


def demo(out: str = "demo", device: str | None = None) -> int:
    """Finds the nuclei of a sample image with the weights that come along.

    Args:
        out: folder for the image, in tissue/, and for its nuclei, in nuclei/.
        device: cpu, cuda or mps; the GPU by default, where there is one.
    """
    from mani_monai.utils.places import own_weights

    image = write_sample(Path(out) / "tissue")
    nuclei = Path(out) / "nuclei"
    status = infer(own_weights(), str(image.parent), str(nuclei), device=device)
    if not status:
        print(f"Look at {nuclei / f'{image.stem}_overlay.png'}.")
    return status
