"""Which images an evaluation scored, out of all images of the target."""

from __future__ import annotations

from pathlib import Path

from mani_monai.data.datalists import PARTS, data_set_names, load_target_list
from mani_monai.evaluation.selection import metric_names
from mani_monai.run.run_folder import read_train_config
from mani_monai.utils import InputError
from mani_monai.utils.json_files import read_object

MOST_NAMED = 5
"""Names in the line; more of them are counted."""


def scored_images(run: str | Path, evaluation: str | Path) -> str:
    """Says which images were scored and why, and how to score all that have labels.

    Args:
        run: the run's folder.
        evaluation: the folder with ``metrics.json``.
    """
    facts = read_object(Path(evaluation) / "metrics.json", "evaluate anew")
    names = list(next(iter(facts["selections"].values()))[metric_names(facts)[0]])
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    target = " and ".join(data_set_names(facts["target"]))
    line = f"scored: {', '.join(names[:MOST_NAMED])}{more}, the test part of {facts['split']} of {target}"
    place = read_train_config(Path(run))["dataset_dir"]
    others = sum(_images(place, facts["target"], facts["split"], part) for part in PARTS) - len(names)
    if others <= 0:
        return line
    kept = f"{others} other image{'s are' if others > 1 else ' is'} in its training and validation parts"
    return f"{line}; {kept}\nmani adapt --check IMAGES --masks MASKS scores every image that you labelled"


def _images(dataset_dir: str, target: str | list[str], split: str, part: str) -> int:
    try:
        return len(load_target_list(dataset_dir, target, split, part))
    except InputError:  # a part without images
        return 0
