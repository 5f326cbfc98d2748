"""What is sent to, and what is not: every known way to write, or to name, an address of a private network."""

import socket
from threading import Event
from typing import Any

import pytest

from tests.support.waiting import PATIENCE_S
from webhooks import addresses
from webhooks.addresses import UrlParts, addresses_of, check_url, may_be_sent_to, read_url
from webhooks.errors import RefusedUrl

FORM = "Write a URL like https://shop.example/hook, without user name, password or fragment."


@pytest.fixture(autouse=True)
def public_only(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_HTTP, settings.WEBHOOK_PRIVATE_NETWORKS = True, []


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names that resolve as told; all others do as the system says."""
    names: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        if host not in names:
            return real(host, port, *args, **options)
        return [entry for address in names[host] for entry in real(address, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return names


def reason(url: str) -> str:
    with pytest.raises(RefusedUrl) as refused:
        check_url(url)
    return refused.value.fields["url"]


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://shop.example/hook", UrlParts("https", "shop.example", 443, "/hook")),
        ("HTTPS://Shop.Example", UrlParts("https", "shop.example", 443, "/")),
        ("https://shop.example?key=a%20b/c", UrlParts("https", "shop.example", 443, "/?key=a%20b/c")),
        ("http://shop.example/a@b:1/", UrlParts("http", "shop.example", 80, "/a@b:1/")),
        ("https://shop.example:8443/x", UrlParts("https", "shop.example", 8443, "/x")),
        ("https://[2001:4860:4860::8888]:8443/", UrlParts("https", "2001:4860:4860::8888", 8443, "/")),
        ("https://8.8.8.8/", UrlParts("https", "8.8.8.8", 443, "/")),
    ],
)
def test_url_is_read(url: str, parts: UrlParts) -> None:
    assert read_url(url) == parts


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "//shop.example/",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "gopher://shop.example:25/_EHLO",
        "https://",
        "https:///hook",
        "https://user@shop.example/",
        "https://user:password@shop.example/",
        "https://shop.example@127.0.0.1/",
        "https://127.0.0.1\\@shop.example/",
        "https://shop.example/#part",
        "https://shop.example/a b",
        "https://shop.example/\r\nHost: other",
        "https://shop.example\t/",
        " https://shop.example/",
        "https://shop.example/\n",
        "https://shop.example./",
        "https://.shop.example/",
        "https://shop..example/",
        "https://sh\u00f6p.example/",
        "http\u017f://shop.example/",
        "https://\u017fhop.example/",
        "https://\u212ashop.example/",
        "https://\u2488\u2488\u2488\u2488/",
        "https://127\u30020\u30020\u30021/",
        "https://[fe80::1%25eth0]/",
        "https://[::1",
        "https://shop.example:/",
        "https://shop.example:port/",
        "https://shop.example:999999/",
        "https://shop.example/" + "a" * 500,
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    assert reason(url) == FORM


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0177.0.0.1", "127.1", "0x7f000001", "0x7f.0.0.1", "127.0.0.0x1", "127.0.0.01", "8.8.8", "[::g]"],
)
def test_other_ways_to_write_an_ip_address_are_refused(host: str) -> None:
    expected = FORM if host == "[::g]" else "Write an IP address in its usual form."

    assert reason(f"http://{host}/") == expected


@pytest.mark.parametrize("port", [0, 22, 25, 80, 110, 442, 444, 1023, 65_536])
def test_port_of_another_service_is_refused(port: int) -> None:
    assert reason(f"https://8.8.8.8:{port}/") == "The port must be 443, or 1024 and above."


def test_http_needs_a_setting(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_HTTP = False

    assert reason("http://8.8.8.8/") == "The URL must begin with https://."
    check_url("https://8.8.8.8/")


@pytest.mark.parametrize(
    "name", ["localhost", "LOCALHOST", "shop.localhost", "printer.local", "metadata.google.internal", "nas.home.arpa"]
)
def test_names_of_private_networks_are_refused_whatever_they_resolve_to(name: str, resolver: dict) -> None:
    resolver[name.lower()] = ["8.8.8.8"]

    assert reason(f"https://{name}/") == f"{name.lower()} is a name of a private network."


PRIVATE = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1", "168.63.129.16"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "::127.0.0.1", "fe80::1"),
    *("fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1", "2001:db8::1", "3fff::1", "5f00::1"),
    *(
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:808:808::",
        "2001::1",
        "100::1",
    ),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_address_is_not_sent_to(address: str, resolver: dict) -> None:
    resolver["shop.example"] = ["8.8.8.8", address.partition("%")[0]]

    assert not may_be_sent_to(address)
    assert "which is not a public address." in reason("https://shop.example/")


@pytest.mark.parametrize("address", [address for address in PRIVATE if "%" not in address])
def test_private_address_in_the_url_itself_is_refused(address: str) -> None:
    host = f"[{address}]" if ":" in address else address

    assert reason(f"https://{host}/").endswith("which is not a public address.")


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_public_address_is_sent_to(address: str) -> None:
    assert may_be_sent_to(address)
    check_url(f"https://[{address}]/" if ":" in address else f"https://{address}/")


@pytest.mark.parametrize(
    ("networks", "allowed", "refused"),
    [
        (["127.0.0.0/8"], "127.0.0.1", "10.0.0.1"),
        (["127.0.0.0/8"], "::ffff:127.0.0.1", "::1"),
        (["::1/128", "10.1.0.0/16"], "::1", "10.2.0.1"),
    ],
)
def test_setting_names_private_networks_that_are_sent_to(
    settings: Any, networks: list[str], allowed: str, refused: str
) -> None:
    settings.WEBHOOK_PRIVATE_NETWORKS = networks

    assert may_be_sent_to(allowed)
    assert not may_be_sent_to(refused)


def test_name_of_a_private_network_is_good_where_one_is_allowed(settings: Any, resolver: dict) -> None:
    settings.WEBHOOK_PRIVATE_NETWORKS = ["10.0.0.0/8"]
    resolver |= {"stock.internal": ["10.0.0.5"], "other.internal": ["192.168.0.5"]}

    check_url("https://stock.internal/hook")
    assert reason("https://other.internal/") == "other.internal resolves to 192.168.0.5, which is not a public address."


def test_name_that_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    assert reason("https://shop.example/") == "The host shop.example is not known."


def test_name_longer_than_any_is_refused() -> None:
    assert reason(f"https://{'a' * 64}.example/") == f"The host {'a' * 64}.example is not known."


def test_look_up_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    may_end, ended = Event(), Event()

    def hang(*_: object, **__: object) -> list[object]:
        may_end.wait(PATIENCE_S)
        ended.set()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    with pytest.raises(RefusedUrl, match=r"The look-up of shop\.example took too long\."):
        addresses_of("shop.example", 443, timeout_s=0.2)

    assert not ended.is_set()
    may_end.set()
    assert addresses.LOOK_UP_S <= 5
