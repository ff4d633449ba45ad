from .errors import InputError
from .errors import failure_reason
from .errors import input_error_of

__all__ = [
    "InputError",
    "failure_reason",
    "input_error_of",
]
