"""A client over HTTP, with the standard library of Python 3.8 or newer:

    python3 client.py stream 5
    python3 client.py upload picture.png
    python3 client.py download tone.wav 1
    python3 client.py cancel 0.5

The gateway is at BKG_URL (http://localhost:43119), the key in BKG_API_KEY.
"""
import json
import os
import secrets
import shutil
import sys
import threading
from urllib.error import HTTPError
from urllib.request import Request, urlopen

BASE = os.environ.get("BKG_URL", "http://localhost:43119")
PLUGIN = "hello-typescript"
TIMEOUT_SECS = 60


class Failed(Exception):
    def __init__(self, problem):
        super().__init__(f"{problem['code']}: {problem['detail']}")
        self.code = problem["code"]


def invoke(capability, body, headers):
    """The open response. A failure before its first byte is a problem with a status of its own."""
    url = f"{BASE}/api/plugins/{PLUGIN}/invoke/{capability}"
    try:
        return urlopen(Request(url, body, {**key(), **headers}, method="POST"), timeout=TIMEOUT_SECS)
    except HTTPError as error:
        with error:
            raise Failed(json.load(error)) from None


def key():
    text = os.environ.get("BKG_API_KEY")
    return {"Authorization": f"Bearer {text}"} if text else {}


def as_json(payload):
    return json.dumps(payload).encode(), {"Content-Type": "application/json"}


def events(response):
    """Server-sent events, as (event, data)."""
    event, data = "message", []
    for raw in response:
        line = raw.decode().rstrip("\r\n")
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if not line:
            if data:
                yield event, "\n".join(data)
            event, data = "message", []
        elif name == "event":
            event = value
        elif name == "data":
            data.append(value)


def stream(to="5"):
    body, headers = as_json({"to": int(to)})
    with invoke("count", body, {**headers, "Accept": "text/event-stream"}) as response:
        for event, data in events(response):
            if event == "chunk":
                print(json.loads(data)["n"])
            elif event == "result":
                print(json.loads(data))
                return
            elif event == "error":
                raise Failed(json.loads(data))
    raise SystemExit("The stream broke off.")


def upload(path):
    # With its length the gateway refuses early what is too much; the file is sent in pieces, never read as a whole.
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(os.path.getsize(path))}
    with open(path, "rb") as file, invoke("digest", file, headers) as response:
        print(json.load(response))


def download(path, secs="1"):
    body, headers = as_json({"secs": int(secs)})
    # Of one that breaks off http.client raises IncompleteRead.
    with invoke("tone", body, headers) as response, open(path, "wb") as file:
        shutil.copyfileobj(response, file)
        print(path, response.headers["Content-Type"])


def cancel(after_secs="0.5"):
    # An id of one's own is what it can be cancelled by. To close the connection does the same.
    invocation = secrets.token_hex(16)
    url = f"{BASE}/api/plugins/{PLUGIN}/invocations/{invocation}"
    delete = Request(url, headers=key(), method="DELETE")
    timer = threading.Timer(float(after_secs), lambda: urlopen(delete, timeout=TIMEOUT_SECS).close())
    timer.start()
    try:
        body, headers = as_json({"ms": 20000})
        with invoke("wait", body, {**headers, "Bkg-Invocation-Id": invocation}) as response:
            print(json.load(response))
    except Failed as failed:
        if failed.code != "CANCELLED":
            raise
        print(failed.code)
    finally:
        timer.cancel()


if __name__ == "__main__":
    commands = {"stream": stream, "upload": upload, "download": download, "cancel": cancel}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        raise SystemExit(__doc__)
    try:
        commands[sys.argv[1]](*sys.argv[2:])
    except Failed as failed:
        raise SystemExit(str(failed)) from None
