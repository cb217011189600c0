"""Takes messages on the invoke subjects to their one answer: in the order of PROTOCOL.md, "Invocation"."""
import asyncio
import json
import re
import secrets
import time
import traceback
from typing import Callable, Dict, Optional, Set

from counts import Statistics
from failure import Failure, headers_of, problem_of
from nats import Message, Nats, settle


class Invocations:
    def __init__(self, plugin: Dict, config: Dict, nats: Nats, statistics: Statistics, log: Callable[[str, str], None]):
        """config: the parts `resources` and `limits` of a PluginConfig, each of which may be missing."""
        limits = config.get("limits", {})
        self._plugin = plugin
        self._nats = nats
        self._statistics = statistics
        self._log = log
        self._most_secs = config.get("resources", {}).get("timeout_secs", 30)
        # All run at once, which is right for what waits and not for what computes.
        self._most_held = limits.get("max_concurrency", 64) + limits.get("max_queue", 1024)
        # What ends an invocation early, by its id: from its arrival until its answer.
        self._held: Dict[str, asyncio.Future] = {}
        # Some handlers go on after their answer was due.
        self._handlers: Set[asyncio.Future] = set()
        self._answers: Set[asyncio.Future] = set()

    @property
    def in_flight(self) -> int:
        return len(self._held)

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
        # Who asks names the subject of the answer; a plugin must not be made to publish anywhere else.
        if message.reply and not message.reply.startswith("_INBOX."):
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
        error = None
        try:
            if early is None:
                raise Failure("CONFLICT", "An invocation with this id is running.")
            self._publish(message, self._encoded(name, await self._run(message, name, early)))
        except Exception as raised:
            declared = self._plugin["capabilities"].get(name, {}).get("errors", {})
            problem = problem_of(raised, declared)
            if problem["code"] == "INTERNAL":
                self._log("error", f"{name} failed: {''.join(traceback.format_exception(None, raised, raised.__traceback__))}")
            self._publish(message, json.dumps(problem).encode(), headers_of(problem))
            error = f"{problem['code']}: {problem['detail']}"
        finally:
            if early is not None:
                del self._held[invocation_id]
            self._statistics.count(name, time.perf_counter_ns() - arrived_ns, error)

    async def _run(self, message: Message, name: str, early: asyncio.Future):
        given_ms = timeout_of(message)
        secs = self._most_secs if given_ms is None else min(given_ms / 1_000, self._most_secs)
        capability = self._plugin["capabilities"].get(name)
        if capability is None:
            known = ", ".join(self._plugin["capabilities"])
            raise Failure("CAPABILITY_NOT_FOUND", f'{self._plugin["id"]} has no capability "{name[:64]}"; it has {known}.')
        if len(self._handlers) >= self._most_held:
            raise Failure("BUSY", f"{self._plugin['id']} has too much to do.")
        work = start(capability["run"], payload_of(message, capability["check"]))
        self._handlers.add(work)
        work.add_done_callback(self._handlers.discard)
        await asyncio.wait({work, early}, timeout=secs, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        work.cancel()
        raise early.result() if early.done() else Failure("DEADLINE_EXCEEDED", f"{name} did not answer within {secs} s.")

    def _encoded(self, name: str, output) -> bytes:
        try:
            body = json.dumps(output, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise Failure("INVALID_OUTPUT", f"The result of {name} is no JSON: {error}.") from error
        if len(body) > self._nats.info["max_payload"]:
            raise Failure("INVALID_OUTPUT", f"The result of {name} is more than the broker takes.")
        return body

    def _publish(self, message: Message, body: bytes, headers: Optional[Dict] = None) -> None:
        if message.reply and not self._nats.publish(message.reply, body, headers=headers):
            self._log("error", "an answer was lost: the broker is away")


def start(run: Callable, payload: Dict) -> asyncio.Future:
    """A plain function gets a thread, so that it may block; it is not stopped when its answer is due earlier."""
    if asyncio.iscoroutinefunction(run):
        return asyncio.ensure_future(run(payload))
    return asyncio.get_running_loop().run_in_executor(None, run, payload)


def timeout_of(message: Message) -> Optional[int]:
    """The milliseconds that the caller has left, if it says so. Raises Failure for headers that cannot be."""
    content_type = message.header("Content-Type") or "application/json"
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise invalid(f"The content type is {content_type}; it takes application/json.")
    invocation_id = message.header("Bkg-Invocation-Id") or "none"
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", invocation_id):
        raise invalid('Bkg-Invocation-Id takes up to 128 characters of A-Z, a-z, 0-9, "_" and "-".')
    ms = message.header("Bkg-Timeout-Ms")
    if ms and not re.fullmatch(r"[0-9]{1,9}", ms):
        raise invalid(f'Bkg-Timeout-Ms is "{ms}"; it takes whole milliseconds.')
    return int(ms) if ms else None


def payload_of(message: Message, check: Callable) -> Dict:
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
