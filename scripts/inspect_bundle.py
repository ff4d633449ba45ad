"""Says what a bundle would execute, before anything of it runs."""

from __future__ import annotations

import sys

from mani_monai.apps.inspect.inspection import format_findings, inspect_bundle, is_dangerous
from mani_monai.utils.command_line import run_command


def inspect(bundle: str) -> None:
    """Lists every expression, target, import, module and weight file of a bundle; executes and imports none of it.

    The exit status is 1 where something is dangerous, else 0.

    Args:
        bundle: its folder or zip.
    """
    findings = inspect_bundle(bundle)
    print(format_findings(findings))
    sys.exit(int(is_dangerous(findings)))


if __name__ == "__main__":
    run_command(inspect)
