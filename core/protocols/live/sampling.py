"""The gauges of streams that every server process samples."""

from core.feed.hub import Hub
from core.metrics.meters import meters
from core.rates.limits import StreamSlots
from core.runtime import singleton
from core.server.open_calls import OpenCalls


def sample_streams() -> None:
    meters().sample("shop_open_streams", "Open streams.", lambda: singleton(StreamSlots).open)
    meters().sample("shop_open_calls", "Open streams and gRPC calls.", lambda: len(singleton(OpenCalls)))
    help_text = "Seconds since the change feed was last read; 0 if there is no stream."
    meters().sample("shop_feed_lag_seconds", help_text, lambda: singleton(Hub).lag_s, how="livemax")
