"""Stand-ins for what an adaptation runs and measures."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np

from mani_monai.apps.adapt.evidence import NucleiFigures
from mani_monai.run.launching import Usage

SCORES = {"entropy": 0.1, "information": 0.2, "symmetry": 0.9, "stain": 0.9, "density": 5.0}


class InProcessLauncher:
    """Runs ``python -m monai.bundle run`` in this process; keeps the commands, and stops before ``failing`` ones."""

    def __init__(self) -> None:
        self.commands: list[dict[str, str]] = []
        self.failing = ""

    def __call__(self, command, log, environment, inherit=()) -> Usage:
        import torch
        from fire.parser import DefaultParseValue
        from monai.bundle import ConfigWorkflow

        options = {name[2:]: value for name, value in zip(command[4::2], command[5::2], strict=True)}
        files = ast.literal_eval(options.pop("config_file"))
        self.commands.append({**options, "files": [Path(name).name for name in files]})
        if self.failing and self.failing in options["output_dir"]:
            Path(log).write_text("one line\nOut of luck.\n")
            return Usage(1, 1, 1, 1)
        torch.set_num_threads(1)
        overrides = {name: DefaultParseValue(value) for name, value in options.items()}
        workflow = ConfigWorkflow(config_file=files, logging_file=False, workflow_type="train", **overrides)
        workflow.initialize()
        workflow.run()
        workflow.finalize()
        return Usage(0, 1, 1, 1)

    def stop(self) -> None:
        pass


class Raising:
    """Stands for a function and raises."""

    def __init__(self, error: BaseException | type[BaseException]) -> None:
        self.error = error

    def __call__(self, *arguments):
        raise self.error


def figures(
    share: float = 0.2, count: int = 100, area: int = 200, shares: tuple[float, ...] | None = None
) -> NucleiFigures:
    """Nuclei of four images of a quarter megapixel."""
    return NucleiFigures(4, 1.0, np.full(count, area), shares or (share,) * 4, share)
