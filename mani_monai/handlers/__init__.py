from .adabn import AdaBNHandler
from .adaptation_handler import AdaptationHandler
from .best_model import BestModelHandler
from .checkpoint import CheckpointHandler
from .cosine_rate import CosineRateHandler
from .distributed import RankAverageHandler
from .reproducibility import IterationSeedHandler
from .schedule import ScheduleHandler
from .snapshot import SnapshotHandler
from .snapshot_average import SnapshotAverageHandler
from .teacher_refresh import TeacherRefreshHandler
from .training_step import TrainingStep

__all__ = [
    "AdaBNHandler",
    "AdaptationHandler",
    "BestModelHandler",
    "CheckpointHandler",
    "CosineRateHandler",
    "IterationSeedHandler",
    "RankAverageHandler",
    "ScheduleHandler",
    "SnapshotAverageHandler",
    "SnapshotHandler",
    "TeacherRefreshHandler",
    "TrainingStep",
]
