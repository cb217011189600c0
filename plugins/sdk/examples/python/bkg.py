"""What a plugin owes the mesh (PROTOCOL.md), on nats.py: discovery, questions, events and the drain."""
import asyncio
import json
import os
import random
import secrets
import signal
import socket
import sys
from datetime import datetime, timezone
from typing import Callable, Dict

from counts import Statistics
from failure import Failure
from invocations import Invocations
from nats import Message, Nats, credentials

GRACE_SECS = 10
ABORTED_SECS = 1
HEARTBEAT_SECS = 2


def run_plugin(plugin: Dict) -> None:
    """Runs a plugin until SIGTERM, SIGINT, SIGHUP or an order over the broker ends it.

    plugin: {"id", "version", "name", "description", "capabilities"}. A capability is {"description", "input", "output",
    "idempotent", "errors", "check": payload -> [{"path", "message"}], "run": payload -> output}; `run` is an `async def`,
    which is cancelled when its answer is due, or a plain `def`, which gets a thread.

    One that streams has "stream": True and the schema "chunk", and its `run` is an `async def` of the payload and of
    `write`, with which it sends a chunk: `await write(chunk)`. One that takes bytes has "input_type" in the place of "input"
    and "check", and its payload is read with `async for`, also when it comes in chunks ("upload": True).
    """
    asyncio.run(run(plugin))


async def run(plugin: Dict) -> None:
    running = RunningPlugin(plugin)
    asked = asyncio.ensure_future(running.asked_to_end.wait())
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(getattr(signal, name), running.asked_to_end.set)
    started = asyncio.ensure_future(running.start())
    await asyncio.wait({started, asked}, return_when=asyncio.FIRST_COMPLETED)
    if started.done():
        # When it could not start, this says why.
        await started
    await asked
    await running.drain(started)
    sys.stdout.flush()
    # A thread that does not end when its answer was due must not keep the process.
    os._exit(0)


class RunningPlugin:
    def __init__(self, plugin: Dict) -> None:
        servers = os.environ.get("BKG_NATS_URL") or os.environ.get("NATS_URL")
        if not servers:
            raise SystemExit("BKG_NATS_URL is not set: the broker, such as nats://127.0.0.1:43121.")
        # A wrong file is told now, and not at each dial.
        credentials()
        self.asked_to_end = asyncio.Event()
        self._plugin = plugin
        self._id = plugin["id"]
        self._instance = os.environ.get("BKG_INSTANCE_ID") or secrets.token_hex(11)
        self._managed = "BKG_INSTANCE_ID" in os.environ
        self._started_at = now()
        self._status = "starting"
        self._beats = 0
        self._tasks = []
        name, identity = f"{self._id} {self._instance}", f"{self._id}.{self._instance}"
        self._nats = Nats(servers, name, lambda why: self._log("warn", why), identity)
        self._statistics = Statistics(self._id, list(plugin["capabilities"]))
        self._invocations = Invocations(
            plugin, self._instance, read_config(), self._nats, self._statistics, self._log
        )

    async def start(self) -> None:
        await self._nats.connected.wait()
        await self._say("starting")
        self._serve_discovery()
        self._serve_questions()
        self._tasks = [asyncio.ensure_future(task) for task in (self._beat(), self._statistics.watch_lag())]
        self._end_invoke = self._nats.subscribe(self._subject("invoke.>"), self._invocations.accept, queue="q")
        # Ready means that the broker knows the subscription, not that it is on its way.
        await self._nats.flush()
        await self._say("running")
        self._log("info", f"{self._id} is running")

    async def drain(self, started: asyncio.Future) -> None:
        """The order is the protocol's; each shorter way loses invocations."""
        self._log("info", "draining")
        if self._nats.connected.is_set() or started.done():
            # Not half of each; without a broker the start would never end.
            await started
            await self._say("stopping")
            await self._end_invoke()
            if not await self._invocations.settled(GRACE_SECS):
                self._invocations.abort_all(Failure("PLUGIN_CRASHED", "The plugin stopped before it could answer."))
                await self._invocations.settled(ABORTED_SECS)
            for task in self._tasks:
                task.cancel()
            # What was answered since the last one is to be counted too.
            self._heartbeat()
            await self._say("stopped")
        await self._nats.close()

    def _serve_discovery(self) -> None:
        capabilities = self._plugin["capabilities"]
        identity = {
            "name": self._id,
            "id": self._instance,
            "version": self._plugin["version"],
            "metadata": {"bkg.name": self._plugin.get("name", self._id), "bkg.protocol": "1"},
        }

        def endpoint(key: str) -> Dict:
            return {"name": key.replace(".", "_"), "subject": self._subject(f"invoke.{key}"), "queue_group": "q"}

        endpoints = [{**endpoint(key), "metadata": metadata_of(key, one)} for key, one in capabilities.items()]
        members: Dict[str, Callable[[], Dict]] = {
            "PING": lambda: {},
            "INFO": lambda: {"description": self._plugin.get("description", ""), "endpoints": endpoints},
            "STATS": lambda: {
                "started": self._started_at,
                "endpoints": [{**endpoint(key), **self._statistics.endpoint(key)} for key in capabilities],
            },
        }
        for verb, rest in members.items():
            head = {"type": f"io.nats.micro.v1.{verb.lower()}_response", **identity}
            for whose in ("", f".{self._id}", f".{self._id}.{self._instance}"):
                self._question(f"$SRV.{verb}{whose}", lambda _, head=head, rest=rest: {**head, **rest()})

    def _serve_questions(self) -> None:
        self._question(self._subject("status"), lambda _: self._status_event())
        self._question(self._subject("telemetry"), lambda _: self._telemetry())
        self._question(self._subject("inflight"), self._in_flight)
        self._question(self._subject(f"ctl.{self._instance}.drain"), self._drain_asked)
        self._nats.subscribe(
            self._subject("cancel"),
            lambda message: self._invocations.cancel(members_of(message).get("invocation_id")),
        )

    def _question(self, subject: str, reply: Callable[[Message], Dict]) -> None:
        def take(message: Message) -> None:
            # As with invocations: never to a subject outside of the inboxes.
            if message.reply.startswith("_INBOX."):
                self._nats.publish(message.reply, json.dumps(reply(message)).encode())

        self._nats.subscribe(subject, take)

    def _in_flight(self, message: Message) -> Dict:
        asked = members_of(message).get("invocation_ids")
        held = [one for one in asked if self._invocations.holds(one)] if isinstance(asked, list) else []
        return {"instance": self._instance, "invocation_ids": held}

    def _drain_asked(self, _: Message) -> Dict:
        self.asked_to_end.set()
        return {"ok": True}

    async def _say(self, status: str) -> None:
        self._status = status
        self._event("status", self._status_event())
        await self._nats.flush()

    def _status_event(self) -> Dict:
        return {"id": self._id, "instance": self._instance, "status": self._status, **self._self()}

    def _self(self) -> Dict:
        version = self._plugin["version"]
        return {"version": version, "started_at": self._started_at, "host": socket.gethostname(), "pid": os.getpid()}

    def _telemetry(self) -> Dict:
        return self._statistics.telemetry(self._invocations.in_flight, self._invocations.waiting)

    async def _beat(self) -> None:
        """Jittered, so that a thousand instances do not beat together."""
        while True:
            self._heartbeat()
            await asyncio.sleep(HEARTBEAT_SECS * random.uniform(0.9, 1.1))

    def _heartbeat(self) -> None:
        self._statistics.measure()
        # What INFO says of a process never changes here, so its version is description enough.
        descriptor = self._plugin["version"]
        beat = {"seq": self._beats, "status": self._status, **self._self(), "descriptor": descriptor}
        self._event("telemetry", {**beat, "telemetry": self._telemetry()})
        self._beats += 1

    def _subject(self, rest: str) -> str:
        return f"plugin.{self._id}.{rest}"

    def _event(self, kind: str, body: Dict) -> None:
        self._nats.publish(self._subject(f"events.{self._instance}.{kind}"), json.dumps(body).encode())

    def _log(self, level: str, message: str) -> None:
        """A line of JSON on standard output. The supervisor publishes what a managed plugin prints."""
        who = {"plugin_id": self._id, "instance": self._instance}
        record = {"time": now(), "level": level, **who, "message": message, "source": "stdout"}
        print(json.dumps(record), flush=True)
        if not self._managed:
            self._event("log", record)


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_config() -> Dict:
    if not os.environ.get("BKG_CONFIG_FILE"):
        return {}
    with open(os.environ["BKG_CONFIG_FILE"], encoding="utf-8") as file:
        return json.load(file)


def members_of(message: Message) -> Dict:
    """The members of a JSON object; none for anything else that somebody sent."""
    try:
        value = json.loads(message.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def metadata_of(key: str, capability: Dict) -> Dict[str, str]:
    """An endpoint's part of the contract: all values are texts."""
    metadata = {
        "bkg.capability": key,
        "bkg.description": capability["description"],
        "bkg.input_schema": json.dumps(capability.get("input", True)),
        "bkg.output_schema": json.dumps(capability["output"]),
    }
    if capability.get("idempotent"):
        metadata["bkg.idempotent"] = "1"
    if capability.get("stream"):
        metadata["bkg.stream"] = "1"
        metadata["bkg.chunk_schema"] = json.dumps(capability["chunk"])
    if capability.get("upload"):
        metadata["bkg.upload"] = "1"
    if "input_type" in capability:
        metadata["bkg.input_type"] = capability["input_type"]
    if "errors" in capability:
        metadata["bkg.errors"] = json.dumps(capability["errors"])
    return metadata
