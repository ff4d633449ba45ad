from .errors import InputError
from .errors import failure_reason
from .errors import input_error_of
from .one_line import install_in_bundle_runs

__all__ = [
    "InputError",
    "failure_reason",
    "input_error_of",
    "install_in_bundle_runs",
]
