"""Starts a MONAI Label server that offers exported bundles to 3D Slicer, QuPath up to 0.4.3 and other clients."""

from __future__ import annotations

import os
import sys
from pathlib import Path

QUPATH = (
    "QuPath loads MONAI Label's plug-in up to 0.4.3 only. Later versions exchange GeoJSON, without a server: "
    "mani infer --outputs geojson, and back by mani prepare folder."
)


def label(bundles: str, images: str, host: str = "127.0.0.1", port: int = 8000, verbose: str = "INFO") -> None:
    """Starts a MONAI Label server that offers exported bundles to 3D Slicer, QuPath up to 0.4.3 and other clients.

    It serves until it is interrupted. It needs the environment of requirements-label.txt. Later versions of QuPath load
    no plug-in for it: exchange GeoJSON with them, by mani infer --outputs geojson and mani prepare folder.

    Args:
        bundles: a training's folder, an exported bundle's folder or zip, or a folder that holds some, e.g. dist;
            several with commas between. One that an inspection finds dangerous is not served.
        images: the folder of the images; labels go into its labels/, what is trained into its trained/.
        host: the address it listens on; by default for this machine alone. It has no password: anyone who reaches it
            may read, label and delete these images.
        port: the port.
        verbose: DEBUG, INFO, WARNING or ERROR.
    """
    from mani_monai.utils import InputError
    from mani_monai.utils.places import place_of, shipped

    places = [str(shipped(Path(place.strip()).expanduser()).absolute()) for place in bundles.split(",")]
    missing = [place for place in places if not os.path.exists(place)]
    if missing:
        raise InputError(f"--bundles {missing[0]}: no such file or folder; export one with mani export.")
    if not Path(images).is_dir():
        raise InputError(f"--images {images}: no such folder; name the folder of the images.")
    _check_images(Path(images))
    try:
        from monailabel.main import Main  # pyright: ignore[reportMissingImports]: its environment is another one
    except ModuleNotFoundError as error:
        needed = "make label-env makes the environment .venv-label; start its mani"
        raise InputError(f"MONAI Label cannot be imported ({error.name} is missing): {needed}.") from error
    print(QUPATH, flush=True)
    app = str(place_of("label_app"))
    sys.path.insert(0, app)
    options = ["--app", app, "--studies", os.path.abspath(images), "--conf", "bundles", ",".join(places)]
    options += ["--host", host, "--port", str(port), "--verbose", verbose, "--uvicorn_app", "server:app"]
    sys.argv = ["monailabel", "start_server", *options]
    Main().run()


def _check_images(folder: Path) -> None:
    """Refuses a folder whose images lie in a folder below, and says which lie there where it has some, too.

    An empty one is taken, since a viewer may send images.
    """
    from mani_monai.data.readers.rasters import IMAGE_ENDINGS
    from mani_monai.utils import InputError
    from mani_monai.utils.folders import paths_in, shown
    from mani_monai.utils.subfolders import folders_below, left_below

    own = {"labels", "trained"}  # what the server writes
    if any(path.name.lower().endswith(IMAGE_ENDINGS) for path in paths_in(folder)):
        for line in left_below(folder, IMAGE_ENDINGS, "image", "--images", [folder / name for name in own]):
            print(f"left out: {line}")
        return
    below = [place for place in folders_below(folder, IMAGE_ENDINGS) if place.relative_to(folder).parts[0] not in own]
    if below:
        raise InputError(f"--images {folder}: holds no images; name {shown(below[0])}, where there are some.")
