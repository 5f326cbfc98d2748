"""Adds customers as users that can't sign in until they have a password."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.db.models import Exists, OuterRef

from accounts.models import User
from core.text.ascii import AsciiLower
from orders.models import RetailInvoice
from samples.retail.batches import KEYS_A_QUERY, Batches, chunks


def find_or_add_users(first_at: Mapping[str, datetime], batches: Batches) -> tuple[dict[str, int], int]:
    """Return the user id of each customer number, and the number of new users.

    The user of a customer is `customer-<number>`, with that name at example.invalid. Any client may have registered
    that name or address. So a user that can sign in is the customer only if an earlier import gave orders to that user;
    otherwise the customer gets the user `customer-<number>-2`, and so on.
    """
    ids: dict[str, int] = {}
    added = 0
    waiting, attempt = dict(first_at), 0
    while waiting:
        attempt += 1
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
    return ids, added


def _look_up(names: Mapping[str, str]) -> tuple[dict[str, int], list[str]]:
    """Return the user ids of customers by name, and the names that are not in use."""
    bought = Exists(RetailInvoice.objects.filter(order__user=OuterRef("pk")))
    emails = {_email(name): name for name in names}
    holders = User.objects.annotate(address=AsciiLower("email"), bought=bought).filter(address__in=list(emails))
    taken = User.objects.filter(username_folded__in=list(names)).values_list("username_folded", flat=True)
    customers, in_use = {}, set(taken)
    for user in holders:
        name = emails[user.address]
        in_use.add(name)
        if user.bought or user.password.startswith(UNUSABLE_PASSWORD_PREFIX):
            customers[name] = user.pk
    return customers, [name for name in names if name not in in_use]


def _user(name: str, at: datetime) -> User:
    return User(username=name, email=_email(name), password=make_password(None), created_at=at)


def _name(number: str, attempt: int) -> str:
    return f"customer-{number}" if attempt == 1 else f"customer-{number}-{attempt}"


def _email(name: str) -> str:
    return f"{name}@example.invalid"
