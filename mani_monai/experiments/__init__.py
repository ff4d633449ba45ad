from .plan import Method, Run, Table, load_table
from .runner import TableRunner

__all__ = ["Method", "Run", "Table", "TableRunner", "load_table"]
