"""The examinations of `manage.py doctor` that concern the settings, Redis and the static files."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import redis
from django.conf import settings

from core.doctor.findings import Finding, error, of_services, of_settings, ok, warning
from core.server import static_files
from core.server.start.preflight import one_line

LOCAL = frozenset(("localhost", "127.0.0.1", "[::1]", ".localhost", "testserver"))
SHORTEST_KEY = 32  # RFC 7518, 3.2: as long as the hash that HS256 uses
CLOCK_S = 1.0  # a larger difference shifts rate limits, feed timestamps and expiry times
TIMEOUT_S = 2


@of_settings
def secret_key() -> Iterator[Finding]:
    if not os.environ.get("SECRET_KEY"):
        yield warning(
            "SECRET_KEY", "is not set, so it is kept in a file of this machine", "set it if several machines serve"
        )
    elif len(settings.SECRET_KEY) < SHORTEST_KEY:
        yield error("SECRET_KEY", f"has only {len(settings.SECRET_KEY)} characters", f"write {SHORTEST_KEY} or more")
    else:
        yield ok("SECRET_KEY", f"is set, {len(settings.SECRET_KEY)} characters")


@of_settings
def debug() -> Iterator[Finding]:
    if settings.DEBUG:
        yield error("DEBUG", "is on: error pages show code and settings to every client", "unset it")


@of_settings
def hosts() -> Iterator[Finding]:
    if set(settings.ALLOWED_HOSTS) <= LOCAL:
        yield warning("ALLOWED_HOSTS", "names only this machine", "write the host names that clients use")
    elif "*" in settings.ALLOWED_HOSTS:
        yield warning("ALLOWED_HOSTS", "allows every host name", "write the host names that clients use")
    else:
        yield ok("ALLOWED_HOSTS", ", ".join(settings.ALLOWED_HOSTS))


@of_settings
def https() -> Iterator[Finding]:
    if not settings.HTTPS:
        is_public = not set(settings.ALLOWED_HOSTS) <= LOCAL
        kind = error if is_public else warning
        yield kind("HTTPS", "is off: passwords and tokens may travel unencrypted", "set HTTPS=on")
    elif settings.SECURE_PROXY_SSL_HEADER is None:
        yield warning(
            "HTTPS",
            "is on, but TRUST_PROXY is off",
            "set TRUST_PROXY=on if a proxy terminates TLS: else requests are redirected forever",
        )
    else:
        yield ok("HTTPS", "is on, and the proxy's X-Forwarded-Proto is trusted")


@of_settings
def proxies() -> Iterator[Finding]:
    if settings.SECURE_PROXY_SSL_HEADER is not None and not settings.FORWARDED_ALLOW_IPS:
        yield warning(
            "FORWARDED_ALLOW_IPS",
            "is not set, so all clients of the proxy share one rate budget",
            "write the proxy's address",
        )
    elif settings.FORWARDED_ALLOW_IPS == "*":
        yield warning("FORWARDED_ALLOW_IPS", "lets every client choose its address", "write the proxy's address")


@of_settings
def static_files_are_collected() -> Iterator[Finding]:
    if static_files.is_collected():
        yield ok("STATIC_ROOT", f"{settings.STATIC_ROOT} holds the files of this version")
    elif not os.access(Path(settings.STATIC_ROOT).parent, os.W_OK):
        yield warning(
            "STATIC_ROOT", f"{settings.STATIC_ROOT} can't be written", "run collectstatic when the image is built"
        )
    else:
        yield ok("STATIC_ROOT", "`serve` collects the files when it starts")


@of_settings
def images_can_be_stored() -> Iterator[Finding]:
    if settings.MEDIA_URL.startswith("/"):
        yield warning(
            "MEDIA_URL",
            "is a path: clients of gRPC and other programs can't complete the URLs of images",
            "write https://shop.example/media/",
        )
    is_folder = settings.MEDIA_STORAGE.endswith(".FileSystemStorage")
    root = Path(settings.MEDIA_ROOT)
    if is_folder and not os.access(root if root.exists() else root.parent, os.W_OK):
        yield error("MEDIA_ROOT", f"{root} can't be written: images can't be stored", "mount a writable folder")
    elif is_folder:
        yield ok("MEDIA_ROOT", f"{root} can be written; all processes and machines must share it")
    else:
        yield ok("MEDIA_STORAGE", settings.MEDIA_STORAGE)


@of_services
def redis_answers() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        yield ok("REDIS_URL", "is not set; the database counts rate budgets")
        return
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        ) as client:
            seconds, microseconds = client.time()
            policy = client.info("memory").get("maxmemory_policy", "noeviction")
    except redis.RedisError as fault:
        yield error("REDIS_URL", f"Redis does not answer ({one_line(fault)})", "start it, or correct REDIS_URL")
        return
    yield from compared_clock("Redis", seconds + microseconds / 1e6)
    yield ok("REDIS_URL", f"Redis answers, policy {policy}")


def compared_clock(of: str, at: float) -> Iterator[Finding]:
    """Compare this machine's clock with the time `at` (Unix seconds) on another one."""
    ahead_s = time.time() - at
    if abs(ahead_s) > CLOCK_S:
        yield error("clock", f"differs by {ahead_s:+.1f} s from that of {of}", "synchronise the clocks with NTP")
