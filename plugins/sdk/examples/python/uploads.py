"""A payload that comes in chunks: read in their order, and asked for only as fast as it is read."""
import asyncio
import json
from collections import deque
from typing import AsyncIterator, Callable, Deque, Optional

from failure import Failure
from flows import Flows
from nats import Message, Nats

# Chunks that may be under way: with 256 KiB each, 2 MiB.
WINDOW = 8
MOST_CHUNK_BYTES = 256 * 1024
# Without a chunk for so long, though it may send some, the caller counts as gone.
PATIENCE_SECS = 30


class Upload:
    def __init__(
        self, nats: Nats, flows: Flows, to: str, size: Optional[int], most: int, end: Callable[[Failure], None]
    ) -> None:
        """to: where the caller takes credit. size: the bytes it has announced, None when it does not know.

        end: called when something is wrong: nobody reads on then.
        """
        self._nats = nats
        self._flows = flows
        self._to = to
        self._size = size
        self._most = most
        self._end = end
        self._chunks: Deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._credit = 0
        self._seq = 0
        self._bytes = 0
        self._complete = False
        self._failed = False
        self._close: Callable[[], None] = lambda: None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._flow, self._close = self._flows.open(self._take)
        self._ask(WINDOW)
        read = 0
        while self._chunks or not self._complete:
            if not self._chunks:
                await self._arrival()
                continue
            yield self._chunks.popleft()
            read += 1
            if read % (WINDOW // 2) == 0 and not self._complete:
                self._ask(WINDOW // 2)

    def close(self) -> None:
        """Nobody reads it any more."""
        self._complete = True
        self._close()

    async def _arrival(self) -> None:
        self._arrived.clear()
        try:
            await asyncio.wait_for(self._arrived.wait(), PATIENCE_SECS)
        except asyncio.TimeoutError:
            raise Failure("CANCELLED", f"The caller has sent nothing for {PATIENCE_SECS} s.") from None

    def _take(self, message: Message) -> None:
        if message.status == 503:
            return self._end(Failure("CANCELLED", "The caller is gone."))
        if self._complete or self._failed:
            return
        wrong = self._wrong_in(message.header("Bkg-Seq"), message.header("Bkg-End"), len(message.body))
        if wrong:
            self._failed = True
            return self._end(wrong)
        self._chunks.append(message.body)
        self._arrived.set()

    def _wrong_in(self, seq: Optional[str], end: Optional[str], size: int) -> Optional[Failure]:
        """Counts a chunk in, and says what is wrong with it."""
        if seq != str(self._seq):
            return invalid(f'Chunk {self._seq} was due, and "{seq}" has come.')
        if end is not None and end != str(self._seq + 1):
            return invalid(f'Bkg-End is "{end}" on chunk {seq}.')
        if size > MOST_CHUNK_BYTES:
            return invalid(f"A chunk has {size} bytes; {MOST_CHUNK_BYTES} are allowed.")
        # The last one needs none.
        if self._credit == 0 and end is None:
            return invalid("A chunk has come for which there was no credit.")
        self._credit = max(0, self._credit - 1)
        self._seq += 1
        self._bytes += size
        announced = self._bytes if self._size is None else self._size
        if self._bytes > announced or (end is not None and self._bytes < announced):
            return invalid(f"{announced} bytes were announced, and {self._bytes} have come.")
        if self._bytes > self._most:
            return too_large(self._most)
        self._complete = end is not None
        return None

    def _ask(self, credit: int) -> None:
        self._credit += credit
        if not self._nats.publish(self._to, json.dumps({"credit": credit}).encode(), self._flow):
            raise Failure("PLUGIN_CRASHED", "The broker was away in the middle of the upload.")


async def in_one_piece(body: bytes) -> AsyncIterator[bytes]:
    """Bytes that came whole, in the request itself: read like an upload."""
    if body:
        yield body


def too_large(most: int) -> Failure:
    return Failure("PAYLOAD_TOO_LARGE", f"It takes {most} bytes at most.")


def invalid(detail: str) -> Failure:
    return Failure("INVALID_PAYLOAD", detail)
