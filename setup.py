"""What the wheel holds: the package, and what lies beside it in the repository as ``mani_monai/share``."""

from setuptools import find_packages, setup

SHARED = {
    "bundles": ["*/LICENSE", "*/configs/**/*", "*/docs/*", "*/models/README.md"],
    "pretrained": ["README.md", "*/*", "*/configs/*", "*/docs/*", "*/models/*", "*/scripts/**/*"],
    "label_app": ["lib/*.py"],
}
"""Folders of the repository, as mani_monai.utils.places names them, and their files in the wheel."""

setup(
    packages=[*find_packages(include=["mani_monai*"]), *(f"mani_monai.share.{name}" for name in SHARED)],
    package_dir={f"mani_monai.share.{name}": name for name in SHARED},
    package_data={"": ["*.jinja"], **{f"mani_monai.share.{name}": files for name, files in SHARED.items()}},
)
