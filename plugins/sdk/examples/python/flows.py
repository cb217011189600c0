"""`plugin.<id>.flow.<instance>.<token>`: what the other end of a stream says to this one."""
import secrets
from typing import Callable, Dict, Tuple

from nats import Message, Nats


class Flows:
    def __init__(self, nats: Nats, root: str) -> None:
        self._root = root
        self._takers: Dict[str, Callable[[Message], None]] = {}
        nats.subscribe(f"{root}.*", self._take)

    def open(self, take: Callable[[Message], None]) -> Tuple[str, Callable[[], None]]:
        """A subject for one stream, which nobody else can guess, and what closes it."""
        subject = f"{self._root}.{secrets.token_hex(16)}"
        self._takers[subject] = take
        return subject, lambda: self._takers.pop(subject, None)

    def _take(self, message: Message) -> None:
        take = self._takers.get(message.subject)
        if take:
            take(message)
