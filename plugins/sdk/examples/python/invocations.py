"""Takes messages on the invoke subjects to their one answer: in the order of PROTOCOL.md, "Invocation"."""
import asyncio
import json
import secrets
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Dict, Optional, Set

from counts import Statistics
from failure import Failure, headers_of, problem_of
from flows import Flows
from nats import Message, Nats, settle
from places import Places
from request import asks_for_inbox, headers_in, payload_of
from streams import ReplyStream
from uploads import Upload, in_one_piece, too_large


class Open:
    """What of an invocation goes on beside its one request and one reply."""

    stream: Optional[ReplyStream] = None
    upload: Optional[Upload] = None


class Invocations:
    def __init__(
        self,
        plugin: Dict,
        instance: str,
        config: Dict,
        nats: Nats,
        statistics: Statistics,
        log: Callable[[str, str], None],
    ):
        """config: the parts `resources` and `limits` of a PluginConfig, each of which may be missing."""
        limits = config.get("limits", {})
        self._plugin = plugin
        self._instance = instance
        self._nats = nats
        self._flows = Flows(nats, f"plugin.{plugin['id']}.flow.{instance}")
        self._statistics = statistics
        self._log = log
        self._most_secs = config.get("resources", {}).get("timeout_secs", 30)
        self._most_upload = limits.get("max_upload_mb", 256) * 1_048_576
        running = limits.get("max_concurrency", 64)
        self._places = Places(running, limits.get("max_queue", 1024))
        self._threads = ThreadPoolExecutor(running)
        # What ends an invocation early, by its id: from its arrival until its answer.
        self._held: Dict[str, asyncio.Future] = {}
        # Some handlers go on after their answer was due.
        self._handlers: Set[asyncio.Future] = set()
        self._answers: Set[asyncio.Future] = set()

    @property
    def in_flight(self) -> int:
        return len(self._held)

    @property
    def waiting(self) -> int:
        """Of these, how many wait for a place."""
        return self._places.waiting

    def holds(self, invocation_id) -> bool:
        return isinstance(invocation_id, str) and invocation_id in self._held

    def cancel(self, invocation_id) -> None:
        if self.holds(invocation_id):
            settle(self._held[invocation_id], Failure("CANCELLED", "The invocation was cancelled."))

    def abort_all(self, failure: Failure) -> None:
        for early in self._held.values():
            settle(early, failure)

    async def settled(self, within_secs: float) -> bool:
        """Whether everything is answered and every handler has ended, within this time."""
        until = time.monotonic() + within_secs
        while (self._answers or self._handlers) and time.monotonic() < until:
            await asyncio.wait(self._answers | self._handlers, timeout=until - time.monotonic())
        return not self._answers and not self._handlers

    def accept(self, message: Message) -> None:
        if not asks_for_inbox(message):
            return
        invocation_id = message.header("Bkg-Invocation-Id") or secrets.token_hex(16)
        early = None
        # In the order of arrival, and not when the task has its turn: a cancel may be the next message.
        if invocation_id not in self._held:
            early = self._held[invocation_id] = asyncio.get_running_loop().create_future()
        answer = asyncio.ensure_future(self._answer(message, invocation_id, early))
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)

    async def _answer(self, message: Message, invocation_id: str, early: Optional[asyncio.Future]) -> None:
        arrived_ns = time.perf_counter_ns()
        name = ".".join(message.subject.split(".")[3:])
        capability = self._plugin["capabilities"].get(name, {})
        opened = Open()
        error = None
        try:
            if early is None:
                raise Failure("CONFLICT", "An invocation with this id is running.")
            output = await self._in_time(message, name, capability, opened, early)
            self._publish(message, opened, self._encoded(name, output))
        except Exception as raised:
            problem = problem_of(raised, capability.get("errors", {}))
            if problem["code"] == "INTERNAL":
                self._log("error", f"{name} failed: {''.join(traceback.format_exception(None, raised, raised.__traceback__))}")
            busy = {"Bkg-Instance": self._instance} if problem["code"] == "BUSY" else {}
            self._publish(message, opened, json.dumps(problem).encode(), {**headers_of(problem), **busy})
            error = f"{problem['code']}: {problem['detail']}"
        finally:
            if opened.upload:
                opened.upload.close()
            if early is not None:
                del self._held[invocation_id]
            self._statistics.count(name, time.perf_counter_ns() - arrived_ns, error)

    async def _in_time(self, message: Message, name: str, capability: Dict, opened: Open, early: asyncio.Future):
        asked = headers_in(message, capability.get("input_type"))
        secs = self._most_secs if asked.timeout_ms is None else min(asked.timeout_ms / 1_000, self._most_secs)
        if not capability:
            known = ", ".join(self._plugin["capabilities"])
            raise Failure("CAPABILITY_NOT_FOUND", f'{self._plugin["id"]} has no capability "{name[:64]}"; it has {known}.')

        def end(failure: Failure) -> None:
            settle(early, failure)

        if asked.is_upload:
            if not capability.get("upload"):
                raise too_large(self._nats.info["max_payload"])
            if (asked.size or 0) > self._most_upload:
                raise too_large(self._most_upload)
            to = message.header("Bkg-Flow") or ""
            opened.upload = Upload(self._nats, self._flows, to, asked.size, self._most_upload, end)
        if capability.get("stream") and asked.window is not None and message.reply:
            opened.stream = ReplyStream(self._nats, self._flows, message.reply, asked.window, end)
        work = asyncio.ensure_future(self._run(message, capability, opened))
        await asyncio.wait({work, early}, timeout=secs, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        work.cancel()
        raise early.result() if early.done() else Failure("DEADLINE_EXCEEDED", f"{name} did not answer within {secs} s.")

    async def _run(self, message: Message, capability: Dict, opened: Open):
        await self._places.take()
        try:
            if "input_type" in capability:
                payload = opened.upload or in_one_piece(message.body)
            else:
                payload = payload_of(message, capability["check"])
            given = (payload, opened.stream.write if opened.stream else unread) if capability.get("stream") else (payload,)
            work = self._start(capability["run"], given)
        except BaseException:
            self._places.give()
            raise
        return await work

    def _start(self, run: Callable, given) -> asyncio.Future:
        """A plain function gets a thread, so that it may block; it is not stopped when its answer is due earlier."""
        loop = asyncio.get_running_loop()
        if asyncio.iscoroutinefunction(run):
            handler = work = asyncio.ensure_future(run(*given))
        else:
            job = self._threads.submit(run, *given)
            work, handler = asyncio.wrap_future(job), loop.create_future()
            job.add_done_callback(lambda _: loop.call_soon_threadsafe(settle, handler, None))
        self._handlers.add(handler)
        handler.add_done_callback(self._ended)
        return work

    def _ended(self, handler: asyncio.Future) -> None:
        self._handlers.discard(handler)
        self._places.give()

    def _encoded(self, name: str, output) -> bytes:
        try:
            body = json.dumps(output, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise Failure("INVALID_OUTPUT", f"The result of {name} is no JSON: {error}.") from error
        if len(body) > self._nats.info["max_payload"]:
            raise Failure("INVALID_OUTPUT", f"The result of {name} is more than the broker takes.")
        return body

    def _publish(self, message: Message, opened: Open, body: bytes, headers: Optional[Dict] = None) -> None:
        if opened.stream:
            is_sent = opened.stream.finish(body, headers)
        else:
            is_sent = not message.reply or self._nats.publish(message.reply, body, headers=headers)
        if not is_sent:
            self._log("error", "an answer was lost: the broker is away")


async def unread(chunk) -> None:
    """Where a caller wants the output alone, what is written goes nowhere."""
    await asyncio.sleep(0)
