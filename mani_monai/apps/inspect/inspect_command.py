"""What a bundle would execute, said before anything of it runs."""

from __future__ import annotations


def inspect(bundle: str, full: bool = False) -> int:
    """Looks for danger in every expression, import, module and weight file of a bundle; executes none of it.

    The verdict comes first, then what is dangerous. The exit status is 1 where something is, else 0.

    Args:
        bundle: its folder or zip, or the folder of an adaptation.
        full: list what is not dangerous, too.
    """
    from pathlib import Path

    from mani_monai.apps.inspect.inspection import format_findings, inspect_bundle, is_dangerous
    from mani_monai.bundle_files import bundle_within

    findings = inspect_bundle(bundle_within(Path(bundle)))
    print(format_findings(findings, full))
    return int(is_dangerous(findings))
