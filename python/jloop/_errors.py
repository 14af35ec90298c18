"""The package's own exception."""


class JVMError(RuntimeError, ImportError):
    """No Java runtime was found, or the one found does not start; the message says what was looked at and what helps.

    It is an ImportError too, so that programs which fall back to another loop with `except ImportError` do so here.
    """
