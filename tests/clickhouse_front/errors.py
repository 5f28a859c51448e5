"""Errors as ClickHouse reports them over HTTP: a code, a text, and the status the server maps the code to."""

import re

AUTHENTICATION_FAILED = 516
CANNOT_DECOMPRESS = 271
NOT_IMPLEMENTED = 48
SESSION_IS_LOCKED = 373
UNKNOWN_EXCEPTION = 1002

# The codes the server maps to a status of their own (its exceptionCodeToHTTPStatus); every other code is a 500.
_CODES_BY_STATUS = {
    400: {6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676},
    401: {194},
    403: {192, 193, 497, 512, 516},
    404: {46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511},
    408: {159},
    411: {381},
    413: {229},
    415: {779},
    501: {48},
    503: {76, 209, 439},
}
_STATUS = {code: status for status, codes in _CODES_BY_STATUS.items() for code in codes}


class QueryError(Exception):
    """A failed query; `str()` is the body the server would send, without its version trailer."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code

    @classmethod
    def from_engine(cls, error: Exception) -> "QueryError":
        """Take the code out of an engine error, and drop what the Python binding puts before it."""
        text = str(error)
        found = re.search(r"Code: (\d+)\.", text)
        if found is None:
            return cls.named(UNKNOWN_EXCEPTION, "UNKNOWN_EXCEPTION", text)
        return cls(int(found[1]), text[found.start() :].strip())

    @classmethod
    def named(cls, code: int, name: str, text: str) -> "QueryError":
        """Build an error of the front's own in the server's wording."""
        return cls(code, f"Code: {code}. DB::Exception: {text} ({name})")

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return _STATUS.get(self.code, 500)
