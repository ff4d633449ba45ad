"""Made DICOM slides: an instance a level, tiles without compression."""

from __future__ import annotations

from pathlib import Path

import numpy as np

EDGE = 128  # of a frame


def write_dicom(
    folder: Path, picture: np.ndarray, mpp: float = 0.25, levels: int = 1, name: str = "level", seed: int = 0
) -> list[Path]:
    """Writes a slide as VL Whole Slide Microscopy images, the finest level first; the next are every second pixel.

    Args:
        folder: receives them.
        picture: HW3.
        mpp: micrometres per pixel of the finest level.
        levels: how many.
        name: of the files, before the level's number.
        seed: of the unique identifiers.
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
        paths.append(folder / f"{name}{level}.dcm")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths
