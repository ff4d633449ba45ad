"""A real tissue image to try a model on."""

from __future__ import annotations

from pathlib import Path


def sample(out: str) -> None:
    """Writes a sample of tissue: colonic glands, 512 x 512 px, haematoxylin with DAB, from scikit-image's own data.

    Args:
        out: folder for immunohistochemistry.png.
    """
    print(f"{write_sample(Path(out))}: haematoxylin and DAB; its pixel size is not recorded")


def write_sample(folder: Path) -> Path:
    """Writes the sample into a folder.

    Returns:
        its file.

    Raises:
        InputError: when it cannot be written.
    """
    from skimage import data, io

    from mani_monai.utils.atomic import replacing

    path = folder / "immunohistochemistry.png"
    with replacing(path) as partial:
        io.imsave(partial, data.immunohistochemistry(), check_contrast=False)
    return path
