from .errors import InputError, failure_reason

__all__ = ["InputError", "failure_reason"]
