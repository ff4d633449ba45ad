"""``python -m studies <name>``: the tables, the pages and the studies of finished runs."""

from __future__ import annotations

import importlib
import sys

from mani_monai.utils import InputError
from mani_monai.utils.command_line import run_command

COMMANDS = {
    "table": ("table_command", "trains and scores what a plan lacks, then writes its page"),
    "pages": ("page_commands", "writes every page anew from the results"),
    "folds": ("page_commands", "compares rows of several tables on the folds that all of them have"),
    "label_free": ("page_commands", "how well scores without labels choose"),
    "weights": ("page_commands", "what was measured of weights, by data set and tissue"),
    "verdicts": ("page_commands", "the verdict of mani adapt beside the truth"),
    "replicates": ("page_commands", "runs made twice with one seed, on two machines"),
    "compare": ("picture_commands", "scores some runs, and draws a picture of their masks"),
    "instances": ("picture_commands", "best, median and worst image of a run, nuclei outlined"),
    "haematoxylin": ("unseen_command", "what the stain alone gives: the row of tables that learned nothing"),
    "unseen": ("unseen_command", "how well models find, part and count nuclei of a labelled data set"),
    "statistics": ("statistics_command", "whose batch statistics a model should have: the choice beside the truth"),
    "self_training": ("self_training_command", "a short training on sure nuclei, beside the statistics alone"),
    "shifts": ("weights_commands", "describes the shifts of a table"),
    "adabn": ("weights_commands", "what AdaBN does to single images"),
    "parting": ("parting_command", "how well nuclei are parted, beside the stain alone"),
    "qupath": ("qupath_command", "what QuPath's scaling of channels costs"),
    "prototypes": ("weights_commands", "whether target prototypes matter to a run of MaNi 2.0: its acceptance test"),
    "gradients": ("gradient_study", "where the gradient of each loss of a finished run goes"),
    "critic": ("weights_commands", "whether the discriminator of a run looks at the target"),
}
"""Names of commands, the module of each, and what it does."""


def main(arguments: list[str]) -> None:
    """Runs a command by its name; a module is imported once its command is asked for.

    Args:
        arguments: the command line after ``python -m studies``.

    Raises:
        InputError: for an unknown name.
    """
    name, *rest = arguments or ["--help"]
    if name in ("--help", "-h"):
        width = max(map(len, COMMANDS))
        print("python -m studies COMMAND [--help]\n")
        print("\n".join(f"  {command:<{width}}  {purpose}" for command, (_, purpose) in COMMANDS.items()))
        return
    if name not in COMMANDS:
        raise InputError(f"{name}: no such command; choose from {', '.join(COMMANDS)}.")
    module = importlib.import_module(f"studies.{COMMANDS[name][0]}")
    run_command(getattr(module, name), rest)


if __name__ == "__main__":
    main(sys.argv[1:])
