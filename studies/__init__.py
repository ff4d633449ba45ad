from .maker import RunMaker
from .plan import Method, Run, Table, load_table, table_path
from .runner import TableRunner
from .scheduler import SubmititScheduler, ThreadScheduler

__all__ = [
    "Method",
    "Run",
    "RunMaker",
    "SubmititScheduler",
    "Table",
    "TableRunner",
    "ThreadScheduler",
    "load_table",
    "table_path",
]
