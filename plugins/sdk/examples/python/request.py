"""What a request says: its headers, and its payload."""
import json
import re
from typing import Callable, Dict, NamedTuple, Optional

from failure import Failure
from nats import Message


class Asked(NamedTuple):
    timeout_ms: Optional[int]
    # How many chunks of a streaming reply the caller takes before it gives credit.
    window: Optional[int]
    # The payload comes in chunks; `size` is how many bytes it will be, None when the caller does not know.
    is_upload: bool
    size: Optional[int]


def asks_for_inbox(message: Message) -> bool:
    """Whether it wants nothing to be published outside of the inboxes: neither answers nor credit.

    Who asks names the subject, and a plugin must not be made to publish anywhere else.
    """
    subjects = [message.reply] if message.reply else []
    if message.header("Bkg-Upload"):
        subjects.append(message.header("Bkg-Flow") or "")
    return all(subject.startswith("_INBOX.") for subject in subjects)


def content_type_of(message: Message, input_type: Optional[str]) -> str:
    unsaid = "application/json" if input_type is None else "application/octet-stream"
    return message.header("Content-Type") or unsaid


def headers_in(message: Message, input_type: Optional[str] = None) -> Asked:
    """input_type: of a payload that is bytes its content type, or a range; None of JSON. Raises Failure for headers that cannot be."""
    content_type, taken = content_type_of(message, input_type), input_type or "application/json"
    if not is_in_range(content_type, taken):
        raise invalid(f"The content type is {content_type}; it takes {taken}.")
    invocation_id = message.header("Bkg-Invocation-Id") or "none"
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", invocation_id):
        raise invalid('Bkg-Invocation-Id takes up to 128 characters of A-Z, a-z, 0-9, "_" and "-".')
    announced = message.header("Bkg-Upload")
    return Asked(
        timeout_ms=number_in(message, "Bkg-Timeout-Ms", 0, 999_999_999),
        window=number_in(message, "Bkg-Stream", 1, 1_024),
        is_upload=announced is not None,
        size=None if announced == "-" else number_in(message, "Bkg-Upload", 0, 999_999_999_999_999),
    )


def is_in_range(content_type: str, wanted: str) -> bool:
    """Parameters do not count: `text/plain; charset=utf-8` is in `text/*`."""
    given, of = (text.partition(";")[0].strip().lower().split("/") for text in (content_type, wanted))
    return len(given) == 2 and all(part in ("*", given[i]) for i, part in enumerate(of))


def number_in(message: Message, header: str, least: int, most: int) -> Optional[int]:
    text = message.header(header)
    if text is None:
        return None
    number = int(text) if re.fullmatch(r"[0-9]{1,15}", text) else -1
    if not least <= number <= most:
        raise invalid(f'{header} is "{text}"; it takes a whole number from {least} to {most}.')
    return number


def payload_of(message: Message, check: Callable) -> Dict:
    """The JSON of a body, after `check` has found nothing wrong with it. Raises Failure."""
    try:
        payload = json.loads(message.body.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise invalid(f"The payload is not JSON: {error}.") from error
    errors = check(payload) if isinstance(payload, dict) else [{"path": "", "message": "must be an object"}]
    if not errors:
        return payload
    listed = "; ".join(f"{error['path'] or 'the payload'} {error['message']}" for error in errors)
    raise invalid(f"The payload does not fit: {listed}.", errors)


def refuse(constant: str):
    """Python would read NaN and Infinity, which are no JSON."""
    raise ValueError(f"{constant} is no JSON")


def invalid(detail: str, errors=None) -> Failure:
    return Failure("INVALID_PAYLOAD", detail, errors)
