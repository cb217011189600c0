"""A NATS client in one file, on asyncio alone.

It knows what a plugin needs: user and password, subscriptions with queue groups, headers, requests, and a connection
that comes back by itself. No TLS, no JetStream.
"""
import asyncio
import json
import os
import random
import re
import secrets
from typing import Callable, Dict, List, NamedTuple, Optional
from urllib.parse import urlsplit

DEFAULT_PORT = 4222
HANDSHAKE_SECS = 5
FLUSH_SECS = 2
PING_EVERY_SECS = 15
MOST_LINE_BYTES = 1024 * 1024
# What may wait for a slow broker; what is published beyond it is refused.
MOST_UNSENT_BYTES = 16 * 1024 * 1024


class Message(NamedTuple):
    subject: str
    reply: str
    status: Optional[int]
    headers: Dict[str, List[str]]
    body: bytes

    def header(self, name: str) -> Optional[str]:
        return (self.headers.get(name) or [None])[0] or None


class Subscription(NamedTuple):
    subject: str
    queue: str
    take: Callable[[Message], None]


def credentials(env=os.environ) -> Dict[str, str]:
    """User and password from BKG_CREDENTIALS_FILE, else the API key BKG_API_KEY, else NATS_USER and NATS_PASSWORD."""
    if env.get("BKG_CREDENTIALS_FILE"):
        with open(env["BKG_CREDENTIALS_FILE"], encoding="utf-8") as file:
            return json.load(file)
    if env.get("BKG_API_KEY"):
        return {"user": prefix_of(env["BKG_API_KEY"]) or "key", "password": env["BKG_API_KEY"]}
    if env.get("NATS_USER"):
        return {"user": env["NATS_USER"], "password": env.get("NATS_PASSWORD", "")}
    raise ValueError("No credentials: set BKG_CREDENTIALS_FILE, BKG_API_KEY, or NATS_USER and NATS_PASSWORD.")


def prefix_of(password: str) -> Optional[str]:
    """The public part of an API key; None for any other password."""
    key = re.match(r"bkg_(K[a-z2-7]{9})_", password)
    return key and key[1]


class Nats:
    """A connection that dials until it is closed, after each loss again. To be made within a running event loop."""

    def __init__(
        self, servers: str, name: str, on_trouble: Callable[[str], None] = lambda why: None, identity: str = "client"
    ):
        """servers: `nats://host:port`, several separated by commas.

        identity: whose inbox it is, `<plugin>.<instance>`: the broker lets nobody listen to another's. With an API key it is
        that of the key, whatever is given.
        """
        self.info: Dict = {}
        self.connected = asyncio.Event()
        self._servers = [urlsplit(server.strip()) for server in servers.split(",")]
        self._name = name
        self._on_trouble = on_trouble
        self._writer: Optional[asyncio.StreamWriter] = None
        self._subscriptions: Dict[int, Subscription] = {}
        self._last_sid = 0
        # Each takes one PONG: they come in the order of the PINGs.
        self._pongs: List[asyncio.Future] = []
        self._requests: Dict[str, asyncio.Future] = {}
        self._inbox = f"_INBOX.{prefix_of(credentials()['password']) or identity}.{secrets.token_hex(16)}"
        self.subscribe(f"{self._inbox}.*", self._take_reply)
        self._task = asyncio.ensure_future(self._keep())

    def subscribe(self, subject: str, take: Callable[[Message], None], queue: str = ""):
        """Returns a coroutine function that ends it, and is over when everything on its way has arrived."""
        self._last_sid += 1
        sid = self._last_sid
        self._subscriptions[sid] = Subscription(subject, queue, take)
        self._write(f"SUB {subject} {queue} {sid}\r\n".encode())

        async def end() -> None:
            self._write(f"UNSUB {sid}\r\n".encode())
            await self.flush()
            self._subscriptions.pop(sid, None)

        return end

    def publish(self, subject: str, body: bytes = b"", reply: str = "", headers: Optional[Dict] = None) -> bool:
        """False when it was not sent, because the broker is away or too slow. Raises ValueError when it is too large."""
        head = encode_headers(headers) if headers else b""
        size = len(head) + len(body)
        if size > self.info.get("max_payload", size):
            raise ValueError(f"The message has {size} bytes; the broker takes {self.info['max_payload']}.")
        if self._writer and self._writer.transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
            return False
        line = f"HPUB {subject} {reply} {len(head)} {size}" if head else f"PUB {subject} {reply} {size}"
        return self._write(b"".join((line.encode(), b"\r\n", head, body, b"\r\n")))

    async def request(self, subject: str, body: bytes, timeout_secs=5.0, headers: Optional[Dict] = None) -> Message:
        """One request, one reply. Raises ConnectionError when nobody listens, asyncio.TimeoutError when nobody answers."""
        reply = f"{self._inbox}.{secrets.token_hex(16)}"
        answer = self._requests[reply] = asyncio.get_running_loop().create_future()
        try:
            if not self.publish(subject, body, reply, headers):
                raise ConnectionError("The broker is away.")
            message = await asyncio.wait_for(answer, timeout_secs)
        finally:
            del self._requests[reply]
        if message.status == 503:
            raise ConnectionError(f"Nobody listens on {subject}.")
        return message

    async def flush(self, timeout_secs=FLUSH_SECS) -> bool:
        """Waits until the broker has handled everything sent so far. False when it does not say so in time."""
        pong = asyncio.get_running_loop().create_future()
        if not self._write(b"PING\r\n"):
            return False
        self._pongs.append(pong)
        done, _ = await asyncio.wait({pong}, timeout=timeout_secs)
        return bool(done) and pong.result()

    async def close(self) -> None:
        await self.flush()
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _keep(self) -> None:
        attempt = 0
        while True:
            try:
                await self._connection(self._servers[attempt % len(self._servers)])
            except EOFError:
                self._on_trouble("the broker closed the connection")
            except (OSError, ValueError, LookupError, asyncio.LimitOverrunError, asyncio.TimeoutError) as error:
                self._on_trouble(f"the broker cannot be reached: {error or type(error).__name__}")
            finally:
                attempt = 0 if self.connected.is_set() else attempt + 1
                self._forget()
            # Half of it is chance, so that a thousand clients do not come back at the same moment.
            await asyncio.sleep(min(0.25 * 2**attempt, 10) * (0.5 + random.random() / 2))

    async def _connection(self, server) -> None:
        """From the dial until it is lost."""
        dial = asyncio.open_connection(server.hostname, server.port or DEFAULT_PORT, limit=MOST_LINE_BYTES)
        reader, self._writer = await asyncio.wait_for(dial, HANDSHAKE_SECS)
        operation, rest = await asyncio.wait_for(read_line(reader), HANDSHAKE_SECS)
        if operation != "INFO":
            raise ValueError(f'the broker began with "{operation[:20]}", which is no NATS')
        self.info = json.loads(rest)
        if self.info.get("tls_required"):
            raise ValueError("the broker wants TLS, which this client does not speak")
        self._writer.write(f"CONNECT {json.dumps(self._options())}\r\nPING\r\n".encode())
        let_in = asyncio.get_running_loop().create_future()
        self._pongs.append(let_in)
        pings = asyncio.ensure_future(self._ping(let_in, self._writer))
        try:
            while True:
                await self._take(*await read_line(reader), reader)
        finally:
            pings.cancel()

    async def _ping(self, let_in: asyncio.Future, writer: asyncio.StreamWriter) -> None:
        """The first PONG says that the broker has let us in; without the later ones it is gone."""
        await asyncio.wait({let_in}, timeout=HANDSHAKE_SECS)
        if let_in.done():
            self._begin()
            while await self.flush(PING_EVERY_SECS):
                await asyncio.sleep(PING_EVERY_SECS)
        writer.transport.abort()

    async def _take(self, operation: str, rest: str, reader: asyncio.StreamReader) -> None:
        if operation in ("MSG", "HMSG"):
            words = rest.split()
            size = int(words.pop())
            head_size = int(words.pop()) if operation == "HMSG" else 0
            subject, sid, reply = words if len(words) == 3 else (*words, "")
            data = await reader.readexactly(size + 2)
            status, headers = decode_headers(data[:head_size])
            subscription = self._subscriptions.get(int(sid))
            try:
                subscription and subscription.take(Message(subject, reply, status, headers, data[head_size:size]))
            except Exception as error:  # One message that is not understood must not end the connection.
                self._on_trouble(f"a message on {subject} failed: {error!r}")
        elif operation == "PING":
            self._writer.write(b"PONG\r\n")
        elif operation == "PONG":
            if self._pongs:
                settle(self._pongs.pop(0), True)
        elif operation == "INFO":
            self.info = json.loads(rest)
        elif operation == "-ERR":
            self._on_trouble("the broker complains: " + rest.strip("'"))
        elif operation != "+OK":
            raise ValueError(f'the broker sent "{operation[:20]}", which is no NATS')

    def _options(self) -> Dict:
        """Read at each dial: the password may have changed."""
        given = credentials()
        flags = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "protocol": 1}
        who = {"name": self._name, "user": given["user"], "pass": given["password"]}
        return {**flags, **who, "lang": "python", "version": "1.0.0"}

    def _begin(self) -> None:
        self.connected.set()
        for sid, (subject, queue, _) in self._subscriptions.items():
            self._write(f"SUB {subject} {queue} {sid}\r\n".encode())

    def _forget(self) -> None:
        self.connected.clear()
        if self._writer:
            self._writer.close()
        self._writer = None
        for pong in self._pongs:
            settle(pong, False)
        self._pongs = []

    def _take_reply(self, message: Message) -> None:
        if message.subject in self._requests:
            settle(self._requests[message.subject], message)

    def _write(self, data: bytes) -> bool:
        if not self.connected.is_set() or self._writer is None:
            return False
        self._writer.write(data)
        return True


def settle(future: asyncio.Future, value) -> None:
    if not future.done():
        future.set_result(value)


async def read_line(reader: asyncio.StreamReader):
    line = await reader.readuntil(b"\r\n")
    operation, _, rest = line.decode().strip().partition(" ")
    return operation.upper(), rest


def decode_headers(head: bytes):
    first, *lines = head.decode().split("\r\n")
    headers: Dict[str, List[str]] = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        headers.setdefault(name, []).append(value.strip())
    status = re.match(r"NATS/1\.0 +(\d{3})", first)
    return status and int(status[1]), headers


def encode_headers(headers: Dict) -> bytes:
    """headers: a value, or a list of them, by name."""
    lines = ["NATS/1.0"]
    for name, values in headers.items():
        lines += [f"{name}: {value}" for value in (values if isinstance(values, list) else [values])]
    broken = [line for line in lines if "\r" in line or "\n" in line]
    if broken:
        raise ValueError(f"A header must be one line: {broken[0]!r}.")
    return "\r\n".join([*lines, "", ""]).encode()
