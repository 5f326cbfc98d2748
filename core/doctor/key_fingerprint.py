"""A fingerprint of SECRET_KEY in the database, so that processes with different keys are noticed.

They would refuse each other's tokens and sessions, with no other sign than clients that are signed out at random.
"""

import logging
import threading
import time

from django.db import Error, connection
from django.utils.crypto import salted_hmac

from core.models import KeyFingerprint

ROW = 1
RETRY_S = 30
DIFFERS = (
    "SECRET_KEY differs from the key that this database is used with: tokens and sessions of other processes are "
    "refused. Set the same SECRET_KEY everywhere. If the key was changed on purpose, run "
    "`python manage.py doctor --accept-key`."
)
log = logging.getLogger(__name__)


def own_fingerprint() -> str:
    return salted_hmac("core.doctor.key_fingerprint", "fingerprint", algorithm="sha256").hexdigest()


def is_key_of_database() -> bool:
    """Whether the database is used with this process's key. The first process that asks decides."""
    row, _ = KeyFingerprint.objects.get_or_create(pk=ROW, defaults={"fingerprint": own_fingerprint()})
    return row.fingerprint == own_fingerprint()


def accept_key() -> None:
    """Use the database with this process's key from now on."""
    KeyFingerprint.objects.update_or_create(pk=ROW, defaults={"fingerprint": own_fingerprint()})


def check_key_in_background() -> None:
    """Log a warning if the key is not the database's. A database that is down is asked again later."""
    threading.Thread(target=_check_until_known, name="key", daemon=True).start()


def _check_until_known() -> None:
    while True:
        try:
            if not is_key_of_database():
                log.warning(DIFFERS)
            return
        except Error as error:  # down, or not migrated yet
            log.debug("SECRET_KEY can't be compared yet: %s", error)
        finally:
            connection.close()
        time.sleep(RETRY_S)
