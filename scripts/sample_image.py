"""Writes a real tissue image to try a model on."""

from __future__ import annotations

from pathlib import Path

from mani_monai.utils.atomic import replacing
from mani_monai.utils.command_line import run_command


def sample_image(out: str) -> None:
    """Writes colonic glands, 512 x 512 px, haematoxylin with DAB (not eosin), from scikit-image's own data.

    Args:
        out: folder for immunohistochemistry.png.
    """
    from skimage import data, io

    path = Path(out) / "immunohistochemistry.png"
    with replacing(path) as partial:
        io.imsave(partial, data.immunohistochemistry(), check_contrast=False)
    print(f"{path}: haematoxylin and DAB; its pixel size is not recorded")


if __name__ == "__main__":
    run_command(sample_image)
