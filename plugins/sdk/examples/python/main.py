"""What this plugin can do."""
import asyncio
import hashlib

from bkg import run_plugin
from failure import Failure


def greet(payload):
    if payload["name"] == "nobody":
        raise Failure("HELLO_PYTHON_NOBODY", "There is nobody to greet.")
    return {"greeting": f"Hello, {payload['name']}!"}


def check_greet(payload):
    """What is wrong with a payload; the schema says the same to those who read it."""
    name = payload.get("name")
    fits = isinstance(name, str) and 1 <= len(name) <= 100
    return ([] if fits else [wrong("/name", "must be a text of 1 to 100 characters")]) + unknown(payload, "name")


async def wait(payload):
    await asyncio.sleep(payload["ms"] / 1_000)
    return {"waited_ms": int(payload["ms"])}


def check_wait(payload):
    ms = payload.get("ms")
    # To JSON Schema 5.0 is an integer, and to Python True is one.
    fits = isinstance(ms, (int, float)) and not isinstance(ms, bool) and ms == ms // 1 and 0 <= ms <= 60_000
    return ([] if fits else [wrong("/ms", "must be a whole number from 0 to 60000")]) + unknown(payload, "ms")


async def count(payload, write):
    """It goes on when the caller has read enough: a slow one makes it wait."""
    for n in range(1, int(payload["to"]) + 1):
        await write({"n": n})
    return {"counted": int(payload["to"])}


def check_count(payload):
    to = payload.get("to")
    fits = isinstance(to, (int, float)) and not isinstance(to, bool) and to == to // 1 and 1 <= to <= 1_000_000
    return ([] if fits else [wrong("/to", "must be a whole number from 1 to 1000000")]) + unknown(payload, "to")


async def digest(body):
    """However large it is, a few pieces of it are in memory."""
    sha256, size = hashlib.sha256(), 0
    async for piece in body:
        sha256.update(piece)
        size += len(piece)
    return {"bytes": size, "sha256": sha256.hexdigest()}


def unknown(payload, known):
    return [wrong("", f'must not have the property "{name}"') for name in payload if name != known]


def wrong(path, message):
    return {"path": path, "message": message}


run_plugin(
    {
        "id": "hello-python",
        "version": "1.0.0",
        "name": "Hello, Python",
        "description": "Greets, waits, counts and digests; Python with the standard library alone.",
        "capabilities": {
            "greet": {
                "description": "Greets somebody by name.",
                "idempotent": True,
                "input": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 100, "examples": ["Ada"]}},
                    "additionalProperties": False,
                },
                "output": {
                    "type": "object",
                    "required": ["greeting"],
                    "properties": {"greeting": {"type": "string"}},
                },
                "errors": {
                    "HELLO_PYTHON_NOBODY": {
                        "number": 404,
                        "retryable": False,
                        "description": "There is nobody of this name.",
                    }
                },
                "check": check_greet,
                "run": greet,
            },
            "wait": {
                "description": "Answers after a while, unless it is cancelled before.",
                "idempotent": True,
                "input": {
                    "type": "object",
                    "required": ["ms"],
                    "properties": {"ms": {"type": "integer", "minimum": 0, "maximum": 60_000, "examples": [100]}},
                    "additionalProperties": False,
                },
                "output": {
                    "type": "object",
                    "required": ["waited_ms"],
                    "properties": {"waited_ms": {"type": "integer"}},
                },
                "check": check_wait,
                "run": wait,
            },
            "count": {
                "description": "Counts, one chunk for each number, as fast as the caller reads.",
                "idempotent": True,
                "stream": True,
                "input": {
                    "type": "object",
                    "required": ["to"],
                    "properties": {"to": {"type": "integer", "minimum": 1, "maximum": 1_000_000, "examples": [100]}},
                    "additionalProperties": False,
                },
                "chunk": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
                "output": {
                    "type": "object",
                    "required": ["counted"],
                    "properties": {"counted": {"type": "integer"}},
                },
                "check": check_count,
                "run": count,
            },
            "digest": {
                "description": "The length and the SHA-256 of bytes of any kind, which may come in chunks.",
                "idempotent": True,
                "upload": True,
                "input_type": "*/*",
                "output": {
                    "type": "object",
                    "required": ["bytes", "sha256"],
                    "properties": {"bytes": {"type": "integer"}, "sha256": {"type": "string"}},
                },
                "run": digest,
            },
        },
    }
)
