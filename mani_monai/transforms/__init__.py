from .colour_jitter import RandColourJitterd, RandStainJitterd
from .dense_crf import DenseCRFd, dense_crf
from .fourier_style import FourierStyled, swap_low_frequencies
from .haematoxylin import haematoxylin_probability
from .hover_instances import hover_instances
from .hover_postprocessing import HoVerNetInstancesd
from .hover_targets import HoVerTargetsd, hover_maps
from .median_smooth import MedianSmoothd
from .nuclei_seams import (
    MarkContoursd,
    MarkDistancesd,
    MarkSeamsd,
    mark_contours,
    mark_distances,
    mark_seams,
)
from .nuclei_table import nuclei_table
from .nucleus import connected_nuclei, least_area
from .part_nuclei import part_nuclei
from .part_nucleid import PartNucleid
from .paste_nuclei import RandPasteNucleid
from .perturbations import BlockMask, NoisePerturbation, StainPerturbation, Symmetry
from .polygons import instance_polygons
from .stain_normalisation import NormaliseStainsd, normalise_stains
from .sure_nuclei import LeaveUnsureOutd, MarkUnsured, mark_unsure, sure_label
from .tissue import BackgroundOffTissued, tissue_mask

__all__ = [
    "BackgroundOffTissued",
    "BlockMask",
    "DenseCRFd",
    "FourierStyled",
    "HoVerNetInstancesd",
    "HoVerTargetsd",
    "LeaveUnsureOutd",
    "MarkContoursd",
    "MarkDistancesd",
    "MarkSeamsd",
    "MarkUnsured",
    "MedianSmoothd",
    "NoisePerturbation",
    "NormaliseStainsd",
    "PartNucleid",
    "RandColourJitterd",
    "RandPasteNucleid",
    "RandStainJitterd",
    "StainPerturbation",
    "Symmetry",
    "connected_nuclei",
    "dense_crf",
    "haematoxylin_probability",
    "hover_instances",
    "hover_maps",
    "instance_polygons",
    "least_area",
    "mark_contours",
    "mark_distances",
    "mark_seams",
    "mark_unsure",
    "normalise_stains",
    "nuclei_table",
    "part_nuclei",
    "sure_label",
    "swap_low_frequencies",
    "tissue_mask",
]
