"""Procedural H&E: tissue drawn in stain amounts, made visible by Beer-Lambert's law, with exact instance masks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import KDTree

from mani_monai.apps.prepare.toy_styles import NucleusStyle, TissueStyle
from mani_monai.transforms.nucleus import connected_pieces

__all__ = ["ToyTile", "make_tile"]

Map = NDArray[np.float64]

MIN_SIDE = 32
MIN_NUCLEUS_AREA = 12


@dataclass(frozen=True)
class ToyTile:
    """A drawn tile and the truth about it.

    Args:
        image: HW3 uint8 RGB.
        instances: HW uint16; 0 is background, nuclei are 1, 2, ... without a gap, each one connected.
    """

    image: NDArray[np.uint8]
    instances: NDArray[np.uint16]


@dataclass(frozen=True)
class _Ground:
    """What the nuclei are laid on: smooth maps of HW, each 0..1 but the fibres (unit variance) and their angle."""

    epithelium: Map
    gap: Map
    fibres: Map
    angle: Map


@dataclass(frozen=True)
class _Sites:
    """Where nuclei sit: centres (N2, row and column), mean radius, axis ratio and angle (N each)."""

    centre: Map
    radius: Map
    ratio: Map
    angle: Map


@dataclass(frozen=True)
class _Nuclei:
    """Drawn nuclei, HW each: instances, haematoxylin amount, and how far a pixel is covered (0..1, soft edges)."""

    instances: NDArray[np.uint16]
    haematoxylin: Map
    cover: Map


def make_tile(style: TissueStyle, size: tuple[int, int], seed: int) -> ToyTile:
    """Draw one H&E tile: RGB = 255 exp(-(h H + e E)) with stain amounts h, e and stain vectors H, E.

    Args:
        style: the tissue.
        size: height and width in pixels, each at least 32.
        seed: the tile is a function of style, size and seed alone.

    Raises:
        ValueError: a side is shorter than 32 pixels.
    """
    if min(size) < MIN_SIDE:
        raise ValueError(f"size must be at least {MIN_SIDE}x{MIN_SIDE}, got {size}.")
    rng = np.random.default_rng(seed)
    ground = _draw_ground(style, size, rng)
    sites = _place_nuclei(style.nuclei, ground, rng)
    nuclei = _draw_nuclei(style.nuclei, sites, size, rng)
    haematoxylin, eosin = _stain(style, ground, sites, rng)
    haematoxylin += nuclei.cover * (nuclei.haematoxylin - haematoxylin)
    eosin += nuclei.cover * (style.nuclei.eosin - eosin)
    density = haematoxylin[..., None] * np.asarray(style.haematoxylin) + eosin[..., None] * np.asarray(style.eosin)
    density *= 1 + style.stain_spread * rng.standard_normal()
    return ToyTile(_photograph(density, style, rng), nuclei.instances)


def _noise(rng: np.random.Generator, size: tuple[int, int], scale: float | tuple[float, float]) -> Map:
    """Gaussian noise smoothed to a correlation length in pixels, zero mean, unit variance."""
    field = gaussian_filter(rng.standard_normal(size), scale, mode="wrap")
    return (field - field.mean()) / field.std()


def _soft_area(field: Map, fraction: float, edge: float) -> Map:
    """A 0..1 map that is above one half on the given fraction of the tile."""
    if fraction <= 0:
        return np.zeros_like(field)
    threshold = np.quantile(field, 1 - min(fraction, 1.0))
    return 1 / (1 + np.exp(-np.clip((field - threshold) / edge, -30, 30)))


def _draw_ground(style: TissueStyle, size: tuple[int, int], rng: np.random.Generator) -> _Ground:
    """Lay out epithelium, gaps and bent fibres."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(float)
    turn = rng.uniform(0, np.pi)
    bend = style.fibre_bend * _noise(rng, size, 22)
    along = np.cos(turn) * columns + np.sin(turn) * rows
    across = -np.sin(turn) * columns + np.cos(turn) * rows + bend
    strands = _noise(rng, size, (style.fibre_width, 10 * style.fibre_width))
    fibres = map_coordinates(strands, [across, along], order=1, mode="grid-wrap")
    gradient = np.gradient(across)
    epithelium = _soft_area(_noise(rng, size, style.nest_scale), style.epithelium, 0.12)
    gap = _soft_area(_noise(rng, size, style.gap_scale), style.gaps, 0.05)
    return _Ground(epithelium, gap, fibres, np.arctan2(-gradient[1], gradient[0]))


def _place_nuclei(style: NucleusStyle, ground: _Ground, rng: np.random.Generator) -> _Sites:
    """Throw darts until the tile holds its nuclei or has no room: they may touch, centres keep their distance."""
    size = ground.gap.shape
    wanted = round(style.density * size[0] * size[1] / 10_000)
    throws = 12 * wanted + 12
    centre = rng.uniform((0, 0), size, (throws, 2))
    at = tuple(centre.astype(int).T)
    epithelial = rng.uniform(size=throws) < ground.epithelium[at]
    chance = np.where(epithelial, 1.0, style.stromal_density) * (ground.gap[at] < 0.3)
    radius = style.radius * np.exp(style.radius_spread * rng.standard_normal(throws))
    ratio = np.clip(1 + style.elongation * np.abs(rng.standard_normal(throws)), 1, 2.5)
    angle = rng.uniform(0, np.pi, throws)
    ratio = np.where(epithelial, ratio, ratio * style.stromal_elongation)
    radius = np.where(epithelial, radius, 0.85 * radius)
    angle = np.where(epithelial, angle, ground.angle[at] + 0.2 * rng.standard_normal(throws))
    kept = np.empty(0, int)
    for dart in np.flatnonzero(rng.uniform(size=throws) < chance):
        distance = np.square(centre[kept] - centre[dart]).sum(1)
        if np.all(distance > np.square(style.spacing * (radius[kept] + radius[dart]))):
            kept = np.append(kept, dart)
        if len(kept) >= wanted:
            break
    return _Sites(centre[kept], radius[kept], ratio[kept], angle[kept])


def _draw_nuclei(style: NucleusStyle, sites: _Sites, size: tuple[int, int], rng: np.random.Generator) -> _Nuclei:
    """Draw bumpy ellipses one after the other, the earlier in front."""
    instances, amount, cover = np.zeros(size, np.uint16), np.zeros(size), np.zeros(size)
    clumps = _noise(rng, size, style.chromatin_scale)
    for centre, radius, ratio, angle in zip(sites.centre, sites.radius, sites.ratio, sites.angle, strict=True):
        window, polar, depth = _nucleus_shape(style, size, centre, (radius, ratio, angle), rng)
        strength = style.haematoxylin * np.exp(style.haematoxylin_spread * rng.standard_normal())
        nucleoli = _nucleoli(style, polar, radius, rng)
        free = _largest_piece((depth > 0) & (instances[window] == 0))
        if np.count_nonzero(free) < MIN_NUCLEUS_AREA:
            continue
        rim = style.rim * np.exp(-((depth * radius / 1.3) ** 2))
        stain = strength * np.clip(1 + rim + style.chromatin * clumps[window] + nucleoli, 0.35, None)
        instances[window][free] = instances.max() + 1
        edge = free | ((instances[window] == 0) & (depth * radius > -1))
        amount[window][edge] = stain[edge]
        cover[window][edge] = np.maximum(cover[window], np.clip(0.6 + 0.6 * depth * radius, 0, 1))[edge]
    return _Nuclei(instances, amount, cover)


def _nucleus_shape(
    style: NucleusStyle,
    size: tuple[int, int],
    centre: Map,
    form: tuple[float, float, float],
    rng: np.random.Generator,
) -> tuple[tuple[slice, slice], Map, Map]:
    """The window of a nucleus, pixel offsets along its axes (2HW), and its depth: 1 at the centre, 0 at the rim."""
    radius, ratio, angle = form
    reach = int(np.ceil(1.6 * radius * np.sqrt(ratio))) + 1
    down, across = (
        slice(max(int(middle) - reach, 0), min(int(middle) + reach + 1, side))
        for middle, side in zip(centre, size, strict=True)
    )
    rows, columns = np.mgrid[down, across]
    row, column = rows - centre[0], columns - centre[1]
    long = (np.cos(angle) * column + np.sin(angle) * row) / np.sqrt(ratio)
    short = (-np.sin(angle) * column + np.cos(angle) * row) * np.sqrt(ratio)
    polar = np.arctan2(short, long)
    boundary = np.ones_like(polar)
    for wave in (2, 3, 4, 5):
        boundary += style.irregularity / wave * rng.standard_normal() * np.cos(wave * polar + rng.uniform(0, 2 * np.pi))
    depth = 1 - np.hypot(long, short) / (radius * np.clip(boundary, 0.6, 1.45))
    return (down, across), np.stack([long, short]), depth


def _nucleoli(style: NucleusStyle, offsets: Map, radius: float, rng: np.random.Generator) -> Map:
    """Extra haematoxylin of a nucleus' nucleoli, relative to its own amount."""
    extra = np.zeros(offsets.shape[1:])
    for _ in range(rng.poisson(style.nucleoli)):
        place = rng.normal(0, 0.3 * radius, (2, 1, 1))
        extra += 0.8 * np.exp(-((offsets - place) ** 2).sum(0) / (2 * (0.14 * radius + 0.4) ** 2))
    return extra


def _largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the largest connected piece, so that every instance is one piece."""
    pieces, count = connected_pieces(mask)
    if count <= 1:
        return mask
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])


def _stain(style: TissueStyle, ground: _Ground, sites: _Sites, rng: np.random.Generator) -> tuple[Map, Map]:
    """Stain amounts of all that is not nucleus: haematoxylin and eosin, HW each."""
    size = ground.gap.shape
    noise = partial(_noise, rng, size)
    grain = noise(1.2) * 0.5 + noise(4) * 0.5
    nearest, membrane = _cells(sites, size)
    halo = 1 - style.clearing * np.exp(-((nearest / (1.9 * style.nuclei.radius)) ** 2))
    cytoplasm = style.cytoplasm * halo * (1 + style.cytoplasm_texture * grain) + style.membrane * membrane
    stroma = style.stroma * np.clip(1 + style.stroma_texture * ground.fibres + 0.1 * grain, 0.15, None)
    eosin = ground.epithelium * np.clip(cytoplasm, 0.02, None) + (1 - ground.epithelium) * stroma
    basophilia = ground.epithelium * style.basophilia * halo + (1 - ground.epithelium) * style.stromal_basophilia
    haematoxylin = basophilia * np.clip(1 + style.cytoplasm_texture * (0.7 * noise(1.5) + 0.7 * noise(6)), 0, None)
    tissue = 1 - ground.gap
    return haematoxylin * tissue, eosin * tissue


def _cells(sites: _Sites, size: tuple[int, int]) -> tuple[Map, Map]:
    """Distance to the nearest centre, and a 0..1 map of the borders between the cells around the centres."""
    if len(sites.centre) < 2:
        return np.full(size, np.inf), np.zeros(size)
    pixels = np.stack([*np.mgrid[: size[0], : size[1]]], axis=-1).reshape(-1, 2)
    distance = KDTree(sites.centre).query(pixels, k=2)[0].reshape(*size, 2)
    return distance[..., 0], np.exp(-(((distance[..., 1] - distance[..., 0]) / 1.6) ** 2))


def _photograph(density: Map, style: TissueStyle, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Optical density to 8-bit RGB through the microscope: transmission, then focus, then sensor noise."""
    light = 246 * np.exp(-np.clip(density, 0, None))
    light = gaussian_filter(light, (style.blur, style.blur, 0), mode="nearest")
    light += style.noise * rng.standard_normal(light.shape)
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)
