"""The two toy tissues: what a pathologist would name when telling one from the other."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SOURCE_TISSUE", "TARGET_TISSUE", "NucleusStyle", "TissueStyle"]

StainVector = tuple[float, float, float]


@dataclass(frozen=True)
class NucleusStyle:
    """How the nuclei of a tissue look; lengths in pixels, textures relative to a nucleus' own stain amount.

    Args:
        radius, radius_spread: mean radius, and its spread (standard deviation of the logarithm).
        elongation, stromal_elongation: mean excess of long over short axis; a factor on top of it in stroma.
        irregularity: how far the outline leaves the ellipse.
        density, stromal_density: nuclei wanted per 100x100 pixels; the chance of a place in stroma against epithelium.
        spacing: least distance of two centres in sums of their radii; below 1 they may touch.
        haematoxylin, haematoxylin_spread, eosin: stain amounts, and the spread from nucleus to nucleus.
        chromatin, chromatin_scale, rim, nucleoli: clumping and its size, the dark rim, nucleoli a nucleus.
    """

    radius: float
    radius_spread: float
    elongation: float
    stromal_elongation: float
    irregularity: float
    density: float
    stromal_density: float
    spacing: float
    haematoxylin: float
    haematoxylin_spread: float
    eosin: float
    chromatin: float
    chromatin_scale: float
    rim: float
    nucleoli: float


@dataclass(frozen=True)
class TissueStyle:
    """A tissue, its stain and its scanner; lengths in pixels, areas as fractions of the tile.

    Args:
        nuclei: its nuclei.
        haematoxylin, eosin: optical density of RGB for one unit of each stain.
        stain_spread: how much the amount of stain differs from tile to tile (standard deviation, relative).
        epithelium, nest_scale: area of epithelium, and how large its nests are.
        cytoplasm, cytoplasm_texture, basophilia: its eosin, the grain of it, its haematoxylin.
        membrane, clearing: eosin of cell borders; how much of the stain is gone around nuclei (0..1).
        stroma, stroma_texture, stromal_basophilia: the same for connective tissue.
        fibre_width, fibre_bend: thickness and waviness of its fibres.
        gaps, gap_scale: white area (lumina, fat, tears), and how large the pieces are.
        blur, noise: focus (sigma in pixels) and sensor noise (grey levels).
    """

    nuclei: NucleusStyle
    haematoxylin: StainVector
    eosin: StainVector
    stain_spread: float
    epithelium: float
    nest_scale: float
    cytoplasm: float
    cytoplasm_texture: float
    basophilia: float
    membrane: float
    clearing: float
    stroma: float
    stroma_texture: float
    stromal_basophilia: float
    fibre_width: float
    fibre_bend: float
    gaps: float
    gap_scale: float
    blur: float
    noise: float


# Nests of carcinoma in pink collagen: large, dark, crowded, irregular nuclei; crisp scanner.
SOURCE_TISSUE = TissueStyle(
    nuclei=NucleusStyle(
        radius=8.5,
        radius_spread=0.22,
        elongation=0.25,
        stromal_elongation=1.7,
        irregularity=0.13,
        density=28,
        stromal_density=0.12,
        spacing=0.98,
        haematoxylin=1.0,
        haematoxylin_spread=0.28,
        eosin=0.25,
        chromatin=0.16,
        chromatin_scale=1.3,
        rim=0.3,
        nucleoli=1.0,
    ),
    haematoxylin=(0.68, 0.72, 0.30),
    eosin=(0.10, 0.62, 0.24),
    stain_spread=0.1,
    epithelium=0.55,
    nest_scale=20,
    cytoplasm=0.75,
    cytoplasm_texture=0.2,
    basophilia=0.22,
    membrane=0.05,
    clearing=0.1,
    stroma=1.05,
    stroma_texture=0.35,
    stromal_basophilia=0.03,
    fibre_width=1.6,
    fibre_bend=14,
    gaps=0.04,
    gap_scale=9,
    blur=0.7,
    noise=2.5,
)

# A glandular tissue overstained in haematoxylin: small round nuclei, sparse, in violet cytoplasm; soft focus.
TARGET_TISSUE = TissueStyle(
    nuclei=NucleusStyle(
        radius=5.2,
        radius_spread=0.15,
        elongation=0.12,
        stromal_elongation=1.9,
        irregularity=0.07,
        density=24,
        stromal_density=0.2,
        spacing=1.15,
        haematoxylin=1.2,
        haematoxylin_spread=0.12,
        eosin=0.3,
        chromatin=0.2,
        chromatin_scale=1.0,
        rim=0.4,
        nucleoli=0.5,
    ),
    haematoxylin=(0.70, 0.69, 0.32),
    eosin=(0.22, 0.66, 0.36),
    stain_spread=0.12,
    epithelium=0.75,
    nest_scale=16,
    cytoplasm=0.5,
    cytoplasm_texture=0.3,
    basophilia=0.55,
    membrane=0.2,
    clearing=0.15,
    stroma=0.6,
    stroma_texture=0.35,
    stromal_basophilia=0.3,
    fibre_width=1.2,
    fibre_bend=8,
    gaps=0.1,
    gap_scale=7,
    blur=1.1,
    noise=4.0,
)
