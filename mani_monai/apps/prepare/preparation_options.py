"""What all commands of ``mani prepare`` have in common: their options, and what they print."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mani_monai.utils import InputError

if TYPE_CHECKING:
    from mani_monai.apps.prepare.windows import WindowGrid
    from mani_monai.data.readers.records import Listing


@dataclass(frozen=True)
class PreparationOptions:
    """What every command takes; the lines on each are its help.

    Args:
        overwrite: replace a data set of that name; without it an existing one is kept and the command fails.
        skip_bad: where images fail, write the others. The failures are listed and the exit status is 1 either way;
            without this flag nothing is written then.
        accept_doubtful: take masks that cannot be what they say (ids that repeat, levels of a map, one nucleus over
            everything, outlines in micrometres), and masks of which most do not fit their images.
        seed: split k is drawn with SEED + k, the folds with SEED.
        window: cut every image into windows of WINDOW x WINDOW pixels, which splits and folds keep together; images
            stay whole by default.
        step: pixels from one window to the next, at most WINDOW, the default. Images are mirrored beyond their borders
            so that the windows' centres of STEP x STEP cover them, as for HoVer-Net (540 and 164, or 540 and 80).
        no_mirror: take windows inside the image only; the last of a row or column ends with the image.

    Raises:
        InputError: windows that cannot be.
    """

    overwrite: bool = False
    skip_bad: bool = False
    accept_doubtful: bool = False
    seed: int = 0
    window: int | None = None
    step: int | None = None
    no_mirror: bool = False

    def __post_init__(self) -> None:
        if self.window is None:
            if self.step is not None or self.no_mirror:
                raise InputError(f"--{'no_mirror' if self.step is None else 'step'}: needs --window; give it, too.")
            return
        from mani_monai.transforms.rescaling import LEAST_SIDE  # slow, and only windows need it

        if self.window < LEAST_SIDE:
            raise InputError(
                f"--window {self.window}: no network takes less than {LEAST_SIDE} px; choose a larger one."
            )
        if self.step is not None and not 1 <= self.step <= self.window:
            raise InputError(f"--step {self.step}: choose 1 to {self.window}, the window's side.")

    @property
    def windows(self) -> WindowGrid | None:
        """How to cut the images; None where they stay whole."""
        from mani_monai.apps.prepare.windows import WindowGrid

        if self.window is None:
            return None
        return WindowGrid(self.window, self.step or self.window, not self.no_mirror)


@dataclass(frozen=True)
class PreparationJob:
    """What a command asks for.

    Attributes:
        listing: what a reader found.
        out: the folder of all prepared data sets.
        name: the prepared data set's name.
        options: what every command takes.
    """

    listing: Listing
    out: str
    name: str
    options: PreparationOptions = PreparationOptions()


def preparation_command(function: Callable[..., PreparationJob]) -> Callable[..., None]:
    """Makes a command of a job: with the options that every command takes in its signature and help, which fire reads.

    Args:
        function: makes a job of its own options; ``Args`` ends its docstring.

    Returns:
        The command, which does the job and prints its table.
    """
    own, shared = inspect.signature(function), inspect.signature(PreparationOptions)
    whole = own.replace(parameters=[*own.parameters.values(), *shared.parameters.values()])
    lines = str(inspect.getdoc(PreparationOptions)).partition("Args:\n")[2].partition("\n\n")[0]

    @functools.wraps(function)
    def command(*args: Any, **kwargs: Any) -> None:
        given = whole.bind(*args, **kwargs).arguments
        options = PreparationOptions(**{name: given.pop(name) for name in shared.parameters if name in given})
        _do(replace(function(**given), options=options))

    command.__signature__ = whole  # type: ignore[attr-defined]
    command.__doc__ = f"{inspect.getdoc(function)}\n{lines}"
    return command


def _do(job: PreparationJob) -> None:
    """Does a job and prints its table; raises InputError where images failed."""
    from mani_monai.apps.prepare.preparation import prepare
    from mani_monai.apps.prepare.preparation_table import format_table

    options, progress = job.options, sys.stderr.isatty()
    found = prepare(
        job.listing,
        job.out,
        job.name,
        options.overwrite,
        options.skip_bad,
        options.seed,
        progress,
        options.windows,
        options.accept_doubtful,
    )
    print(format_table(found))
    if found.failures and found.written:
        raise InputError(f"{found.folder}: written without what failed above ({len(found.failures)}).")
    if found.failures:
        raise InputError(f"{found.folder}: not written, see above; mend the {len(found.failures)} or pass --skip_bad.")
