"""A streaming reply: chunks that are numbered, and no more of them than the caller has given credit for."""
import asyncio
import json
from typing import Callable, Dict, Optional

from failure import Failure
from flows import Flows
from nats import Message, Nats

MOST_CREDIT = 1_024
# Without credit and without a sign for so long, the caller counts as gone.
PATIENCE_SECS = 30


class ReplyStream:
    def __init__(self, nats: Nats, flows: Flows, reply: str, window: int, end: Callable[[Failure], None]) -> None:
        """window: how many chunks the caller takes before it gives credit. end: called when it wants no more."""
        self._nats = nats
        self._reply = reply
        self._credit = window
        self._end = end
        self._seq = 0
        self._ended = False
        self._sign = asyncio.Event()
        self._flow, self._close = flows.open(self._hear)

    async def write(self, chunk) -> None:
        """Sends a chunk as soon as there is credit for it: who makes the next one earlier would fill the memory."""
        while self._credit == 0 and not self._ended:
            self._sign.clear()
            try:
                await asyncio.wait_for(self._sign.wait(), PATIENCE_SECS)
            except asyncio.TimeoutError:
                raise Failure("CANCELLED", f"The caller has given no sign for {PATIENCE_SECS} s.") from None
        if self._ended:
            raise Failure("CANCELLED", "The stream has ended.")
        body = json.dumps(chunk, allow_nan=False).encode()
        if not self._nats.publish(self._reply, body, self._flow, {"Bkg-Seq": self._seq}):
            raise Failure("PLUGIN_CRASHED", "The broker was away in the middle of the stream.")
        self._credit -= 1
        self._seq += 1
        # Otherwise nobody else has a turn as long as there is credit.
        await asyncio.sleep(0)

    def finish(self, body: bytes, headers: Optional[Dict] = None) -> bool:
        """The last frame, with the output or a failure: it costs no credit, and nothing comes after it."""
        self._ended = True
        self._sign.set()
        self._close()
        place = {"Bkg-Seq": self._seq, "Bkg-End": self._seq + 1}
        return self._nats.publish(self._reply, body, headers={**(headers or {}), **place})

    def _hear(self, message: Message) -> None:
        if message.status == 503:
            # The broker's own word that nobody listens to the caller's reply subject any more.
            return self._end(Failure("CANCELLED", "The caller is gone."))
        said = said_in(message)
        if said.get("cancel") is True:
            return self._end(Failure("CANCELLED", "The caller wants no more."))
        credit = said.get("credit")
        if isinstance(credit, int) and not isinstance(credit, bool) and credit >= 0:
            self._credit = min(MOST_CREDIT, self._credit + credit)
            self._sign.set()


def said_in(message: Message) -> Dict:
    try:
        said = json.loads(message.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
