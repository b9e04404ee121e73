"""Errors of the system under one picklable root, because they cross process borders in Ray.

User errors (a wrong file, key, row, argument) also subclass ``ValueError`` and carry one line
that says what is wrong, what is allowed and what was found. Broken invariants are ``assert``.
"""


class ModelSatError(Exception):
    """Root of all errors raised on purpose; built from one message, so that it pickles."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class UserError(ModelSatError, ValueError):
    """Something the user can put right. The commands print it as one line and exit with code 2."""


class SettingsError(UserError):
    """A settings or zoo file, or a key=value override, that breaks a rule."""


class TableError(UserError):
    """A table that is empty, lacks columns, or holds a row that breaks a rule."""


class StoreError(UserError):
    """A folder or file of the store that is missing, unreadable or of another format."""


class EngineError(ModelSatError):
    """An engine that could not answer: a refused, failed or malformed call to a candidate."""
