from .adabn import AdaBNHandler
from .adaptation_handler import AdaptationHandler
from .best_model import BestModelHandler
from .checkpoint import CheckpointHandler
from .distributed import RankAverageHandler
from .fixed_statistics import FixedStatisticsHandler
from .iteration_seed import IterationSeedHandler
from .schedule import CosineRateHandler, ScheduleHandler
from .snapshot import SnapshotAverageHandler, SnapshotHandler
from .teacher_refresh import TeacherRefreshHandler
from .training_step import TrainingStep

__all__ = [
    "AdaBNHandler",
    "AdaptationHandler",
    "BestModelHandler",
    "CheckpointHandler",
    "CosineRateHandler",
    "FixedStatisticsHandler",
    "IterationSeedHandler",
    "RankAverageHandler",
    "ScheduleHandler",
    "SnapshotAverageHandler",
    "SnapshotHandler",
    "TeacherRefreshHandler",
    "TrainingStep",
]
