"""Where below a folder lies what is looked for in it: the remedy of a refusal, and what a command leaves out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from scripts.utils.errors import counted
from scripts.utils.folders import is_leftover, shown

DEEPEST = 3
"""How far below a folder is looked: ``kidney/patient_1/slide_1/images`` is a person's deepest."""
_MOST_FOLDERS = 300
_SHOWN = 5
MASK_WORDS = "masks?|labels?|labelled|instances?|inst|seg|segmentations?|gt|ground_?truth|annotations?|annotated"
"""What names of masks, or of their folders, have beside an image's name."""
_RESULTS = {"summary.json", "dataset.json", "request.json"}
"""Files in folders that this program wrote: their pictures are made of others."""
_MASKS = re.compile(rf"(^|[^a-z])({MASK_WORDS})([^a-z]|$)")


def remedy_below(
    folder: Path, wanted: Callable[[str], bool] | Sequence[str], otherwise: str, masks: bool | None = None
) -> str:
    """What to do where a folder does not hold what was looked for, but a folder below it may.

    Args:
        folder: where it was looked for.
        wanted: as in :func:`folders_below`.
        otherwise: the remedy where no folder below holds it.
        masks: as in :func:`folders_below`.

    Returns:
        the end of a refusal's line, without a full stop: "name kidney/images, where there are some".
    """
    found = folders_below(folder, wanted, masks)
    if not found:
        return otherwise
    named = ", ".join(shown(place) for place in found[:_SHOWN])
    more = f" or another of {len(found)}" if len(found) > _SHOWN else ""
    return f"name {'one of ' if len(found) > 1 else ''}{named}{more}, where there are some"


def folders_below(folder: Path, wanted: Callable[[str], bool] | Sequence[str], masks: bool | None = None) -> list[Path]:
    """The shallowest folders below a folder that hold what is wanted; leftovers of systems and links are passed over.

    Args:
        folder: where to look, ``DEEPEST`` folders deep at most.
        wanted: endings of names in lower case, or whether a name is one that is wanted.
        masks: keep to folders that are named as masks' are, or to others, where there are some; None keeps all.
    """
    level = [folder]
    for _ in range(DEEPEST):
        level = [each for place in level for each in _subfolders(place)][:_MOST_FOLDERS]
        found = [place for place in level if any(_fits(name, wanted) for name in _names(place))]
        if masks is not None:
            found = [place for place in found if _is_of_masks(folder, place) == masks] or found
        if found:
            return found
    return []


def left_below(
    folder: Path,
    wanted: Callable[[str], bool] | Sequence[str],
    noun: str,
    option: str,
    besides: Iterable[Path] = (),
    read: Sequence[str] = (),
) -> tuple[str, ...]:
    """What a command leaves out that reads a folder and not its subfolders.

    Folders of masks, and those that this program wrote, are passed over.

    Args:
        folder: the one that is read.
        wanted: as in :func:`folders_below`.
        noun: of one file that is counted, such as "image".
        option: names another folder, such as "--images".
        besides: further folders to pass over, such as that of the results.
        read: endings in lower case of files that are read one folder below, too.

    Returns:
        a line on these or none, such as "5 images in a (2), b/c (3): subfolders are not searched; name one with
        --images.", and one on what is named like a file of the kind but is a folder, a pipe or a device.
    """
    passed = {place.resolve() for place in besides}
    counts: dict[Path, int] = {}
    level, all_seen = [folder], True
    for depth in range(DEEPEST):
        level = [each for place in level for each in _subfolders(place) if not _is_passed(folder, each, passed)]
        all_seen &= len(level) <= _MOST_FOLDERS
        level = level[:_MOST_FOLDERS]
        for place in level:
            names = [name for name in _names(place) if _fits(name, wanted)]
            counts[place] = sum(depth > 0 or not name.lower().endswith(tuple(read)) for name in names)
    places = sorted(place for place, count in counts.items() if count)
    others = _no_files(folder, wanted, places)
    if not places:
        return others
    named = [f"{shown(place.relative_to(folder))} ({counts[place]:,})" for place in places[:_SHOWN]]
    more = f" and {len(places) - _SHOWN:,} more" if len(places) > _SHOWN else ""
    total = f"{'' if all_seen else 'at least '}{counted(sum(counts.values()), noun)}"
    return (f"{total} in {', '.join(named)}{more}: subfolders are not searched; name one with {option}.", *others)


def _no_files(
    folder: Path, wanted: Callable[[str], bool] | Sequence[str], counted_places: Sequence[Path]
) -> tuple[str, ...]:
    """A line on what a folder holds that has the name of what is wanted and is no file."""
    try:
        paths = sorted(path for path in folder.iterdir() if _fits(path.name, wanted) and not is_leftover(path))
        others = [path for path in paths if path.exists() and not path.is_file() and path not in counted_places]
    except OSError:
        return ()
    if not others:
        return ()
    kinds = [f"{shown(path.name)} (a {'folder' if path.is_dir() else 'pipe or a device'})" for path in others[:_SHOWN]]
    more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
    return (f"{', '.join(kinds)}{more}: named like a file and not one; remove or rename it.",)


def _is_passed(folder: Path, place: Path, passed: set[Path]) -> bool:
    return _is_of_masks(folder, place) or place.resolve() in passed or not _RESULTS.isdisjoint(_names(place))


def _fits(name: str, wanted: Callable[[str], bool] | Sequence[str]) -> bool:
    return wanted(name) if callable(wanted) else name.lower().endswith(tuple(wanted))


def _is_of_masks(folder: Path, place: Path) -> bool:
    return any(_MASKS.search(part.lower()) for part in place.relative_to(folder).parts)


def _subfolders(place: Path) -> list[Path]:
    try:
        return sorted(path for path in place.iterdir() if _is_place(path))
    except OSError:
        return []


def _is_place(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not is_leftover(path)


def _names(place: Path) -> list[str]:
    try:
        return [path.name for path in place.iterdir() if not is_leftover(path)]
    except OSError:
        return []
