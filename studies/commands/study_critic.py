"""Studies the discriminator of a finished run: does it look at the target, and how did the bound go in training?"""

from __future__ import annotations

import json
from pathlib import Path

from mani_monai.utils import InputError
from mani_monai.utils.command_line import run_command
from studies.critic_report import study_tables
from studies.critic_study import study_run


def study_critic(
    run: str,
    config_file: str | list[str],
    dataset_dir: str = "data",
    source: str = "toy_source",
    target: str = "toy_target",
    split: str = "split_0",
    batches: int = 24,
    out: str = "",
) -> None:
    """Prints and writes critic.md and critic.json: decisions with the target vector as it is and exchanged.

    It reads no label of the target.

    Args:
        run: folder of the run.
        config_file: its training's, as "['<configs>/train.json','<configs>/variants/both_classes.json']".
        dataset_dir: folder of the prepared data sets.
        source: its labelled data set.
        target: its unlabelled one.
        split: of both, as in the training.
        batches: training batches to look at, up to the 100 of the configs' adabn_loader.
        out: folder for the two files; by default the run's.
    """
    files = [config_file] if isinstance(config_file, str) else list(config_file)
    for path in files:
        if not Path(path).is_file():
            raise InputError(f"--config_file {path}: no such file; name the configs of the run's training.")
    options = {"dataset_dir": dataset_dir, "source": source, "target": target, "split": split}
    found = study_run(run, files, options, batches)
    text, folder = study_tables(found), Path(out or run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "critic.json").write_text(json.dumps(found, indent=1) + "\n")
    (folder / "critic.md").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    run_command(study_critic)
