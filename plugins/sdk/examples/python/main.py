"""What this plugin can do."""
import asyncio

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


def unknown(payload, known):
    return [wrong("", f'must not have the property "{name}"') for name in payload if name != known]


def wrong(path, message):
    return {"path": path, "message": message}


run_plugin(
    {
        "id": "hello-python",
        "version": "1.0.0",
        "name": "Hello, Python",
        "description": "Greets and waits; Python with the standard library alone.",
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
        },
    }
)
