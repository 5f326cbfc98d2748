"""Customers as users who can't sign in until they set a password."""

from collections.abc import Mapping
from datetime import datetime
from itertools import count

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.db.models import Exists, OuterRef
from django.db.models.functions import Lower

from accounts.models import User
from orders.models import RetailInvoice
from orders.retail.batches import KEYS_A_QUERY, Batches, chunks


def find_or_add_users(first_at: Mapping[str, datetime], batches: Batches) -> tuple[dict[str, int], int]:
    """Return the user's id for each customer number, and how many users are new.

    A customer is the user `customer-<number>` with that name at example.invalid. Anybody may have registered that name
    or address, so a user who can sign in is the customer only when an import gave them orders before; else the
    customer is `customer-<number>-2`, and so on.
    """
    ids: dict[str, int] = {}
    added = 0
    waiting = dict(first_at)
    for attempt in count(1):
        for chunk in chunks(list(waiting), KEYS_A_QUERY):
            names = {_name(number, attempt): number for number in chunk}
            found, free = _look_up(names)
            new = [_user(name, waiting[names[name]]) for name in free]
            if new:
                with batches.transaction():
                    User.objects.bulk_create(new)
            added += len(new)
            ids |= {names[name]: pk for name, pk in found.items()} | {names[user.username]: user.pk for user in new}
        waiting = {number: at for number, at in waiting.items() if number not in ids}
        if not waiting:
            return ids, added
    raise AssertionError("count() ends")


def _look_up(names: Mapping[str, str]) -> tuple[dict[str, int], list[str]]:
    """Return those of the names that are customers, with the users' ids, and those that are free."""
    bought = Exists(RetailInvoice.objects.filter(order__user=OuterRef("pk")))
    emails = {_email(name): name for name in names}
    holders = User.objects.annotate(address=Lower("email"), bought=bought).filter(address__in=list(emails))
    customers, strangers = {}, set(User.objects.filter(username__in=list(names)).values_list("username", flat=True))
    for user in holders:
        name = emails[user.address]
        strangers.add(name)
        if user.bought or user.password.startswith(UNUSABLE_PASSWORD_PREFIX):
            customers[name] = user.pk
    return customers, [name for name in names if name not in strangers]


def _user(name: str, at: datetime) -> User:
    return User(username=name, email=_email(name), password=make_password(None), created_at=at)


def _name(number: str, attempt: int) -> str:
    return f"customer-{number}" if attempt == 1 else f"customer-{number}-{attempt}"


def _email(name: str) -> str:
    return f"{name}@example.invalid"
