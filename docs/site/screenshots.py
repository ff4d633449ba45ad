"""Draws the pages' pictures anew in ``docs/images``: the outlines of the sample, and the report of an adaptation.

``make screenshots`` runs it. Chromium shows the report; Debian's package is ``chromium``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parents[1] / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars")
OFFLINE = ("--disable-quic", "--disable-sync", "--disable-background-networking", "--disable-component-update")
SIZE = (1000, 870)
"""Width and height in pixels of what is shown of a report: the verdict, the next command, a field."""
MPP = "0.499"
SHIPPED = "pretrained/mani_unet"


def main() -> None:
    """Draws ``skin.jpg`` and ``report.jpg``."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        mani(folder, "demo", "--out", "demo", "--device", "cpu")
        outlined = Image.open(folder / "demo" / "nuclei" / "skin_overlay.png")
        outlined.convert("RGB").save(IMAGES / "skin.jpg", quality=90)
        cut(folder / "demo" / "tissue" / "skin.tif", folder / "skin")
        places = ("--model", SHIPPED, "--target", "skin", "--out", "adapted")
        mani(folder, "adapt", *places, "--mpp", MPP, "--method", "statistics")
        shown = photograph(folder / "adapted" / "report.html", folder / "report.png")
        shown.convert("RGB").save(IMAGES / "report.jpg", quality=80)


def mani(folder: Path, *words: str) -> None:
    """Runs a command of the program in a folder.

    Raises:
        subprocess.CalledProcessError: when it fails.
    """
    subprocess.run([sys.executable, "-m", "mani_monai", *words], cwd=folder, check=True)


def cut(image: Path, folder: Path) -> None:
    """Cuts six parts of an image, which stand for a folder of images of one tissue."""
    folder.mkdir()
    with Image.open(image) as whole:
        for left in (0, 266, 532):
            for top in (0, 320):
                whole.crop((left, top, left + 266, top + 320)).save(folder / f"part_{left}_{top}.png")


def photograph(page: Path, out: Path) -> Image.Image:
    """What a browser shows of a page's beginning.

    Raises:
        SystemExit: when there is no browser, or it shows nothing.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"none of {', '.join(BROWSERS)} is installed; install one, such as Debian's chromium.")
    size = f"--window-size={SIZE[0]},{SIZE[1]}"
    profile = f"--user-data-dir={out.parent / 'profile'}"
    line = [browser, *QUIET, *OFFLINE, profile, size, f"--screenshot={out}", page.as_uri()]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    if not out.is_file():
        sys.exit(f"{page}: {browser} shows nothing of it ({done.stderr.strip()}).")
    return Image.open(out)


if __name__ == "__main__":
    main()
