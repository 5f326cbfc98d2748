"""Signatures, as a receiver's own library judges them."""

import base64
import json
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from webhooks.signing import new_secret, signed_headers

BODY = '{"type":"product.updated","data":{"name":"Käse 🧀"}}'.encode()


def headers(*secrets: str, timestamp: int | None = None) -> dict[str, str]:
    now = int(time.time()) if timestamp is None else timestamp
    return signed_headers(secrets, message_id="msg_1", timestamp=now, body=BODY)


def test_signature_of_the_specification() -> None:
    """The example of the specification's own libraries."""
    key, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'

    signed = signed_headers([key], message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=body)

    assert signed == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_receivers_library_takes_it_and_reads_the_body() -> None:
    secret = new_secret()

    assert Webhook(secret).verify(BODY, headers(secret)) == json.loads(BODY)


def test_receivers_library_refuses_what_was_altered() -> None:
    secret = new_secret()
    good = headers(secret)
    late = headers(secret, timestamp=int(time.time()) - 600)
    wrong = [
        (BODY + b" ", good),
        (BODY, good | {"webhook-id": "msg_2"}),
        (BODY, good | {"webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}),
        (BODY, headers(new_secret())),
        (BODY, late),
    ]

    for body, sent in wrong:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, sent)


def test_while_a_secret_is_changed_both_verify() -> None:
    old, new = new_secret(), new_secret()

    both = headers(new, old)

    assert both["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        assert Webhook(secret).verify(BODY, both) == json.loads(BODY)


def test_secrets_are_long_and_each_its_own() -> None:
    one, other = new_secret(), new_secret()

    assert one != other
    assert len(base64.b64decode(one.removeprefix("whsec_"), validate=True)) == 32
