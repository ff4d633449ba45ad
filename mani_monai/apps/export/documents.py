"""What an exported bundle says of itself: its model card, the licences of its data and what those allow."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mani_monai.apps.export.trained_run import ORACLE, Domain, TrainedRun
from mani_monai.data.datalists import data_set_names
from mani_monai.utils.templates import render_template

ALLOWED = "The licences of the images allow commercial use."
_NON_COMMERCIAL = re.compile(r"non[ -]?commercial|[ -]nc\b", re.I)
_OPEN = re.compile(
    r"(cc0|cc[ -]by([ -]sa)?|apache|mit|bsd|public domain)([ -](licen[cs]e|version|universal|clause|v?[\d.]+)|,)*"
    r"|none: drawn .*",
    re.I,
)


def allows_commercial_use(licence: str) -> bool | None:
    """Whether a licence allows commercial use; None where that is not known: only what is recognised allows it.

    Args:
        licence: its name and version, as preparation recorded it; or several with "; " between, all of which bind. The
            terms of an exported bundle are one of them where they end in ``ALLOWED``.
    """
    if _NON_COMMERCIAL.search(licence):
        return False
    parts = licence.split("; ")
    return True if all(_OPEN.fullmatch(part) or part.endswith(ALLOWED) for part in parts) else None


FORMS = ("pt", "ts", "onnx")
"""Forms of the weights, by the ending of their file."""


def model_card(
    card: str,
    metadata: Mapping[str, Any],
    folder: str,
    run: TrainedRun,
    forms: Sequence[str] = FORMS,
    compared: bool = True,
) -> str:
    """``docs/README.md`` of an export.

    Args:
        card: the bundle's own, whose sections on input, output, limits and references are kept.
        metadata: the export's.
        folder: the bundle's name.
        run: what is exported.
        forms: of the weights that it holds.
        compared: whether all forms were made and compared.
    """
    packages = ", ".join(f"`{name}=={version}`" for name, version in metadata["required_packages_version"].items())
    return render_template(
        Path(__file__).with_name("model_card.md.jinja"),
        metadata=metadata,
        use=terms_of_use(run.domains),
        forms=forms,
        left_out=len(forms) < len(FORMS),
        compared=compared,
        packages=packages,
        folder=folder,
        performance=performance(run.scores),
        formats=sections(card, "### Input", "### Output"),
        pixels=pixel_size(run.mpp),
        rest=sections(card, "## Intended use and limits", "# References"),
    )


def performance(scores: Mapping[str, Any] | None) -> str:
    """The measured figures as a table, or a sentence that there are none."""
    if scores is None:
        return "These weights were not scored on labelled images. Look at their results on images of your own."
    figures = scores["figures"]
    names = [name.removesuffix("_mean") for name in figures if name.endswith("_mean")]
    rows = [f"| {name} | {_shown(figures[f'{name}_mean'])} | {_shown(figures[f'{name}_std'])} |" for name in names]
    images = len(figures[names[0]]) if names else 0
    chosen = "chosen with labels of the target" if scores["selection"] == ORACLE else "chosen without target labels"
    target = " and ".join(data_set_names(scores.get("target", "the target")))
    title = f"On {images} labelled test images of {target}, weights {chosen}"
    table = "\n".join(["| metric | mean | spread over images |", "|---|---|---|", *rows])
    return f"{title} (each image's score is in `metrics.json`):\n\n{table}"


def pixel_size(mpp: float | None) -> str:
    """How large the pixels of the training's images were, and what that means for others."""
    if mpp is None:
        return "The pixel size of the training's images was not recorded: take images of the same magnification."
    return (
        f"Trained on images of {mpp:.3g} micrometres per pixel (`mpp` in `configs/metadata.json`). `inference.json` "
        "rescales nothing: take images of that size, or mani-monai's `mani infer`, which does."
    )


def data_license(domains: Sequence[Domain]) -> str:
    """``docs/data_license.txt`` of an export.

    Args:
        domains: the data sets that the weights were trained on.
    """
    read = {(d.name, d.licence): d for d in reversed(domains)}  # the source, where it is its own target
    rows = [f"  {d.name:<24}{d.role:<9}{d.licence}" for d in domains if read[d.name, d.licence] is d]
    return "\n".join(
        [
            "Data licences",
            "",
            "This bundle contains no data. Its weights were trained on:",
            "",
            *rows,
            "",
            "The weights are subject to these licences, unlabelled target images included.",
            terms_of_use(domains),
            "",
        ]
    )


def terms_of_use(domains: Sequence[Domain]) -> str:
    """Whether the licences of the images allow commercial use, in one sentence."""
    allowed = {(domain.name, allows_commercial_use(domain.licence)) for domain in domains}
    bound = sorted(name for name, commercial in allowed if commercial is False)
    if bound:
        return f"NON-COMMERCIAL USE ONLY: the licence of {' and '.join(bound)} says so."
    unknown = sorted(name for name, commercial in allowed if commercial is None)
    if unknown:
        return f"What the weights may be used for is not known: nobody named the licence of {' and '.join(unknown)}."
    return ALLOWED


def description(text: str, run: TrainedRun) -> str:
    """The first sentence of a bundle's description, then a network that is none of MONAI's, data, method and steps."""
    module, _, network = str(run.declaration.network["_target_"]).rpartition(".")
    own = f"The network is {network}, which is none of MONAI's. " if module else ""
    unlabelled = f" and {run.unlabelled} (unlabelled)" if run.unlabelled else ""
    data = f"Trained on {run.named('source')} (labelled){unlabelled}: {run.facts['method']}."
    names = [str(step["_target_"]).rpartition(".")[2] for step in run.declaration.preprocessing]
    steps = f"Inference applies {', '.join(names)} to an image first. " if names else ""
    return f"{text.partition('. ')[0]}. {own}{data} {steps}Inference needs MONAI and the packages named here."


def sections(text: str, *headings: str) -> str:
    """Sections of a document, one after the other."""
    return "\n\n".join(filter(None, (section(text, heading) for heading in headings)))


def section(text: str, heading: str) -> str:
    """A section of a document with its heading, up to the next one of its level or above; empty where there is none."""
    level = heading.index(" ")
    found = re.search(rf"^{re.escape(heading)}\n.*?(?=^#{{1,{level}}} |\Z)", text, re.M | re.S)
    return found[0].strip() if found else ""


def _shown(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.3f}"
