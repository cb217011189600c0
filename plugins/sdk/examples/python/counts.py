"""What a plugin counts and measures of itself: for `$SRV.STATS`, and for the telemetry of its heartbeat."""
import asyncio
import math
import os
import resource
import time
from typing import Dict, List, Optional

BUCKET_COUNT = 40
LAG_EVERY_SECS = 0.1


class Counts:
    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.last_error = ""
        self.processing_ns = 0

    def add(self, duration_ns: int, error: Optional[str]) -> None:
        self.requests += 1
        self.processing_ns += duration_ns
        if error is not None:
            self.errors += 1
            self.last_error = error


class Statistics:
    def __init__(self, plugin_id: str, capabilities: List[str]) -> None:
        self._plugin_id = plugin_id
        self._total = Counts()
        self._endpoints = {capability: Counts() for capability in capabilities}
        self._buckets: Dict[int, int] = {}
        self._started = self._measured_at = time.monotonic()
        self._cpu_secs = cpu_secs()
        self._cpu_percent = 0.0
        self._lags: List[float] = []
        self._lag_ms = 0.0

    def count(self, capability: str, duration_ns: int, error: Optional[str] = None) -> None:
        """Every invocation once, when it is answered. error: `CODE: detail` when it failed."""
        self._total.add(duration_ns, error)
        # What nobody has counts for the plugin only.
        if capability in self._endpoints:
            self._endpoints[capability].add(duration_ns, error)
        bucket = bucket_of(duration_ns / 1e6)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

    def endpoint(self, capability: str) -> Dict:
        """As the NATS service API wants it: whole numbers, times in nanoseconds."""
        counts = self._endpoints[capability]
        return {
            "num_requests": counts.requests,
            "num_errors": counts.errors,
            "last_error": counts.last_error,
            "processing_time": counts.processing_ns,
            "average_processing_time": counts.processing_ns // max(1, counts.requests),
        }

    def measure(self) -> None:
        """Once per heartbeat: what the process has used since the last time."""
        now, used = time.monotonic(), cpu_secs()
        self._cpu_percent = 100 * (used - self._cpu_secs) / max(0.001, now - self._measured_at)
        self._measured_at, self._cpu_secs = now, used
        lags, self._lags = sorted(self._lags), []
        self._lag_ms = 1_000 * lags[math.ceil(0.99 * len(lags)) - 1] if lags else 0.0

    async def watch_lag(self) -> None:
        """How much later than asked for the event loop wakes us: what a handler that blocks does to all others."""
        while True:
            asked = time.monotonic() + LAG_EVERY_SECS
            await asyncio.sleep(LAG_EVERY_SECS)
            self._lags.append(time.monotonic() - asked)

    def telemetry(self, in_flight: int, waiting: int) -> Dict:
        buckets = sorted(self._buckets.items())
        return {
            "plugin_id": self._plugin_id,
            "cpu_percent": round(self._cpu_percent, 1),
            "memory_mb": round(memory_mb(), 1),
            "uptime_secs": round(time.monotonic() - self._started),
            "request_count": self._total.requests,
            "error_count": self._total.errors,
            "last_error": self._total.last_error,
            "in_flight": in_flight,
            "queue_depth": waiting,
            "event_loop_lag_ms": round(self._lag_ms, 1),
            "instances": 1,
            "latency_ms": {f"p{share}": percentile(buckets, share / 100) for share in (50, 95, 99)},
            "latency_buckets": buckets,
        }


def cpu_secs() -> float:
    return sum(os.times()[:4])


def memory_mb() -> float:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 1_048_576
    except OSError:
        # Where there is no /proc: the most that it ever was, which is the best there is. In bytes on a Mac.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_048_576


def bucket_of(duration_ms: float) -> int:
    """The first whose upper bound, 0.1 ms * 2^(i/2), is not below the duration."""
    return min(math.ceil(2 * math.log2(max(duration_ms, 0.1) / 0.1)), BUCKET_COUNT - 1)


def percentile(buckets: List, share: float) -> float:
    """The upper bound of the bucket in which this share of all invocations has ended."""
    wanted = share * sum(n for _, n in buckets)
    seen = 0
    for bucket, n in buckets:
        seen += n
        if seen >= wanted:
            return round(0.1 * 2 ** (bucket / 2), 2)
    return 0
