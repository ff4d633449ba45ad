"""Made DICOM slides: an instance a level, tiles without compression, or of JPEG."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

EDGE = 128  # of a frame


def write_dicom(
    folder: Path,
    picture: np.ndarray,
    mpp: float = 0.25,
    levels: int = 1,
    name: str = "level",
    seed: int = 0,
    harm: Mapping[int, Callable[[bytes], bytes]] | None = None,
) -> list[Path]:
    """Writes a slide as VL Whole Slide Microscopy images, the finest level first; the next are every second pixel.

    Args:
        folder: receives them.
        picture: HW3.
        mpp: micrometres per pixel of the finest level.
        levels: how many.
        name: of the files, before the level's number.
        seed: of the unique identifiers.
        harm: makes the tiles JPEG, and what it says of those of the finest level, by number; None packs none.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, VLWholeSlideMicroscopyImageStorage, generate_uid

    study, series, frame = (generate_uid(entropy_srcs=[f"{seed} {kind}"]) for kind in ("study", "series", "frame"))
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for level in range(levels):
        pixels = np.ascontiguousarray(picture[:: 2**level, :: 2**level])
        height, width = pixels.shape[:2]
        rows, columns = -(-height // EDGE), -(-width // EDGE)
        padded = np.pad(pixels, ((0, rows * EDGE - height), (0, columns * EDGE - width), (0, 0)))
        frames = padded.reshape(rows, EDGE, columns, EDGE, 3).swapaxes(1, 2)
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = VLWholeSlideMicroscopyImageStorage
        instance = generate_uid(entropy_srcs=[f"{seed} {level}"])
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = instance
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = study, series, frame
        dataset.ImageType = [
            "ORIGINAL" if level == 0 else "DERIVED",
            "PRIMARY",
            "VOLUME",
            "NONE" if level == 0 else "RESAMPLED",
        ]
        dataset.Modality, dataset.ContainerIdentifier = "SM", "made"
        dataset.StudyDate = dataset.StudyTime = dataset.AccessionNumber = dataset.StudyID = ""
        dataset.PatientName = dataset.PatientID = dataset.PatientBirthDate = dataset.PatientSex = ""
        dataset.ReferringPhysicianName = dataset.PositionReferenceIndicator = ""
        dataset.SeriesNumber, dataset.InstanceNumber = 1, level + 1
        dataset.DimensionOrganizationType = "TILED_FULL"
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
        dataset.Rows = dataset.Columns = EDGE
        dataset.NumberOfFrames = rows * columns
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelRepresentation = 7, 0
        dataset.TotalPixelMatrixRows, dataset.TotalPixelMatrixColumns = height, width
        dataset.NumberOfOpticalPaths = dataset.TotalPixelMatrixFocalPlanes = 1
        path, origin, measures, groups = Dataset(), Dataset(), Dataset(), Dataset()
        path.OpticalPathIdentifier = "0"
        dataset.OpticalPathSequence = [path]
        origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = "20.0", "40.0"
        dataset.TotalPixelMatrixOriginSequence = [origin]
        dataset.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
        measures.PixelSpacing = [mpp * 2**level / 1000] * 2
        measures.SliceThickness = 0.001
        groups.PixelMeasuresSequence = [measures]
        dataset.SharedFunctionalGroupsSequence = [groups]
        dataset.PixelData = frames.tobytes()
        if harm is not None:
            pack(dataset, frames.reshape(-1, EDGE, EDGE, 3), harm if level == 0 else {})
        paths.append(folder / f"{name}{level}.dcm")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths


def pack(dataset: Any, frames: np.ndarray, harm: Mapping[int, Callable[[bytes], bytes]]) -> None:
    """Gives a data set frames of JPEG."""
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    streams = [io.BytesIO() for _ in frames]
    for stream, frame in zip(streams, frames, strict=True):
        Image.fromarray(frame).save(stream, "JPEG", quality=85)
    coded = [harm.get(number, bytes)(stream.getvalue()) for number, stream in enumerate(streams)]
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PhotometricInterpretation, dataset.LossyImageCompression = "YBR_FULL_422", "01"
    dataset.PixelData = encapsulate(coded)
    dataset["PixelData"].VR = "OB"
