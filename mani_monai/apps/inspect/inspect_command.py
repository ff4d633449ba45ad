"""What a bundle would execute, said before anything of it runs."""

from __future__ import annotations


def inspect(bundle: str) -> int:
    """Lists every expression, target, import, module and weight file of a bundle; executes and imports none of it.

    The exit status is 1 where something is dangerous, else 0.

    Args:
        bundle: its folder or zip.
    """
    from pathlib import Path

    from mani_monai.apps.inspect.inspection import format_findings, inspect_bundle, is_dangerous
    from mani_monai.utils.places import shipped

    findings = inspect_bundle(shipped(Path(bundle)))
    print(format_findings(findings))
    return int(is_dangerous(findings))
