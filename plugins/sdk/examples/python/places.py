"""So many handlers run at once, and a bounded queue waits for them: first come, first served."""
import asyncio
from collections import deque
from typing import Deque

from failure import Failure


class Places:
    def __init__(self, running: int, waiting: int) -> None:
        self._most_running = running
        self._most_waiting = waiting
        self._running = 0
        self._queue: Deque[asyncio.Future] = deque()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def take(self) -> None:
        """Waits for a place, which has to be given back. Raises Failure BUSY at once when too many wait already."""
        if self._running < self._most_running:
            self._running += 1
            return
        if len(self._queue) >= self._most_waiting:
            raise Failure("BUSY", f"{self._most_running} invocations run and {self._most_waiting} wait: try again.")
        place = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place in self._queue:
                self._queue.remove(place)
            elif place.done() and not place.cancelled():
                # Handed a place in the very turn in which it gave up.
                self.give()
            raise

    def give(self) -> None:
        """The next who waits gets it."""
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._running -= 1
