"""Failures as they go over the wire: a problem object (RFC 9457) and two headers."""
import re
from typing import Dict, List, Optional

# The part of the protocol's error table that is needed here: the number, and whether to try again makes sense.
TABLE = {
    "INVALID_PAYLOAD": {"number": 400, "retryable": False},
    "CAPABILITY_NOT_FOUND": {"number": 404, "retryable": False},
    "CONFLICT": {"number": 409, "retryable": False},
    "PAYLOAD_TOO_LARGE": {"number": 413, "retryable": False},
    "BUSY": {"number": 429, "retryable": True},
    "CANCELLED": {"number": 499, "retryable": False},
    "INTERNAL": {"number": 500, "retryable": False},
    "INVALID_OUTPUT": {"number": 500, "retryable": False},
    "PLUGIN_CRASHED": {"number": 502, "retryable": True},
    "DEADLINE_EXCEEDED": {"number": 504, "retryable": False},
}

MOST_ERRORS = 20
# What is quoted may be as long as the request was: a failure has to fit into a message, too.
MOST_DETAIL = 16_384
MOST_TEXT = 512


class Failure(Exception):
    """A failure that the caller is told of, with a code of the table or one that the capability declares."""

    def __init__(self, code: str, detail: str, errors: Optional[List[Dict]] = None):
        """detail: for people, shown as it is. errors: what is wrong with the payload, `[{"path", "message"}]`."""
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = errors


def problem_of(error: BaseException, declared: Dict) -> Dict:
    """declared: the errors of the capability. What nobody foresaw is for the log, not for the caller."""
    known = isinstance(error, Failure) and (error.code in TABLE or error.code in declared)
    failure = error if known else Failure("INTERNAL", "The handler failed; the log of the plugin says why.")
    entry = TABLE.get(failure.code) or declared[failure.code]
    return {
        "type": f"urn:bkg:error:{failure.code.lower()}",
        "title": failure.code.capitalize().replace("_", " "),
        "status": entry["number"],
        "detail": failure.detail[:MOST_DETAIL],
        "code": failure.code,
        "retryable": entry["retryable"],
        **({"errors": [cut(one) for one in failure.errors[:MOST_ERRORS]]} if failure.errors else {}),
    }


def cut(error: Dict) -> Dict:
    return {"path": error["path"][:MOST_TEXT], "message": error["message"][:MOST_TEXT]}


def headers_of(problem: Dict) -> Dict:
    """The error in one line of ASCII, and its number."""
    return {
        "Nats-Service-Error": re.sub(r"[^\x20-\x7e]", "?", f"{problem['code']}: {problem['detail']}")[:200],
        "Nats-Service-Error-Code": problem["status"],
        "Content-Type": "application/problem+json",
    }
