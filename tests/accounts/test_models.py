"""What the database itself holds of a user, by whichever door a row comes."""

from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from core.databases import violated_constraint
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


def refused_by_the_database() -> Any:
    # PostgreSQL refuses what does not fit the column's type (DataError) before it looks at constraints.
    return pytest.raises((IntegrityError, DataError))


@pytest.mark.parametrize(
    ("field", "value"), [("username", ""), ("username", "x" * 81), ("email", ""), ("email", "x" * 121)]
)
def test_impossible_user_can_be_written_by_no_door(field: str, value: str) -> None:
    user = make_user(username="ada", email="ada@example.com")

    with refused_by_the_database(), transaction.atomic():
        User.objects.bulk_create([User(**{"username": "b", "email": "b@example.com"} | {field: value})])
    with refused_by_the_database(), transaction.atomic():
        User.objects.update(**{field: value})
    with refused_by_the_database(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE accounts_user SET {field} = %s", [value])

    assert list(User.objects.values_list("pk", "username", "email")) == [(user.pk, "ada", "ada@example.com")]


def test_email_is_unique_in_any_case_also_in_bulk() -> None:
    make_user(email="Ada@example.com")

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        User.objects.bulk_create([User(username="b", email="aDA@EXAMPLE.com")])

    assert "accounts_user_email_unique" in violated_constraint(refusal.value)
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "email", ["ä@example.com", "\u212aelvin@example.com", "\uff41da@example.com", "a\t@example.com"]
)
def test_email_beyond_printable_ascii_can_be_written_by_no_door(email: str) -> None:
    user = make_user(email="ada@example.com")

    with refused_by_the_database(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET email = %s", [email])

    assert User.objects.get() == user
    assert User.objects.get().email == "ada@example.com"


def test_username_is_unique() -> None:
    make_user(username="ada")

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        User.objects.bulk_create([User(username="ada", email="b@example.com")])

    assert "username" in violated_constraint(refusal.value)
    assert User.objects.count() == 1


def test_user_inserted_by_hand_is_dated() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_user (username, email, password, is_staff, is_active, is_superuser) "
            "VALUES ('hand', 'hand@example.com', '!', %s, %s, %s)",
            [False, True, False],
        )

    assert User.objects.get().created_at <= timezone.now()


def test_superuser_is_staff_and_may_everything() -> None:
    boss = User.objects.create_superuser("boss", "boss@example.com", "correct horse battery", is_staff=False)

    assert (boss.is_staff, boss.is_superuser) == (True, True)
    assert boss.has_perm("catalog.delete_product")
    assert boss.check_password("correct horse battery")


def test_user_without_a_password_has_none_that_fits() -> None:
    user = make_user()

    assert not user.has_usable_password()
    assert not user.check_password("")


def test_user_is_named_by_the_username() -> None:
    assert str(make_user(username="ada")) == "ada"
