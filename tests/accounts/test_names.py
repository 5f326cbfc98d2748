"""Usernames and e-mail addresses: stored in NFKC, compared as casefold(NFKC(text)), by every way in."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from accounts.actions import register_user
from accounts.errors import UserExists
from accounts.models import User
from accounts.tokens import obtain_tokens, user_of
from core import triggers
from core.text.folding import folded
from samples.demo.loading import prepare
from tests.parity.doors import Doors, doors  # noqa: F401  # a fixture
from tests.samples.retail import import_file, row, write_file
from tests.support.factories import make_staff, make_user

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
DOORS = ["REST", "REST v2", "REST in XML", "REST v2 in XML", "GraphQL", "gRPC"]
WIDE_STAFF = "\uff53\uff54\uff41\uff46\uff46"  # full-width letters
NFC, NFD = "Zo\u00eb", "Zoe\u0308"
# Each in several forms that are one name.
SAME = {
    "staff": [WIDE_STAFF, "STAFF", "Staff", "\u017ftaff", "\U0001d42c\U0001d42d\U0001d41a\U0001d41f\U0001d41f"],
    NFC: [NFD, "ZO\u00cb", "ZOE\u0308", "zoe\u0308"],
    "stra\u00dfe": ["STRASSE", "strasse", "stra\u1e9ee"],
    "\u0391\u03a3": ["\u03b1\u03c2", "\u03b1\u03c3"],  # the final sigma
    "kelvin": ["\u212aelvin"],
    "\ufb01sh": ["fish", "FISH"],
}
PAIRS = [(name, other) for name, others in SAME.items() for other in others]


def names() -> list[str]:
    return list(User.objects.order_by("pk").values_list("username", flat=True))


# -- One rule, in every protocol --------------------------------------------------------------------------------
@pytest.mark.parametrize("door", DOORS)
def test_name_that_looks_like_another_is_taken(doors: Doors, door: str) -> None:  # noqa: F811
    make_user(username="staff")
    make_user(username=NFC)

    answers = [
        doors[door](None).register(username=name, email=f"new{n}@example.com", password=PASSWORD)
        for n, name in enumerate([*SAME["staff"], *SAME[NFC]])
    ]

    assert {(answer.code, *answer.fields.items()) for answer in answers} == {
        ("already_exists", ("username", "Username is already registered"))
    }
    assert names() == ["staff", NFC]


@pytest.mark.parametrize("door", DOORS)
def test_name_and_email_are_stored_in_nfkc(doors: Doors, door: str) -> None:  # noqa: F811
    wide_email = "\uff41da@\uff45xample.com"

    answer = doors[door](None).register(username=NFD, email=wide_email, password=PASSWORD)

    assert (answer.code, answer.value["username"], answer.value["email"]) == (None, NFC, "ada@example.com")
    assert User.objects.values_list("username", "email").get() == (NFC, "ada@example.com")


@pytest.mark.parametrize("door", DOORS)
def test_user_signs_in_by_every_form_of_the_name(doors: Doors, door: str) -> None:  # noqa: F811
    doors["REST"](None).register(username=NFC, email="zoe@example.com", password=PASSWORD)

    answers = [doors[door](None).sign_in(username=name, password=PASSWORD) for name in (NFC, *SAME[NFC])]
    refused = doors[door](None).sign_in(username="Zoe", password=PASSWORD)

    assert {answer.code for answer in answers} == {None}
    assert refused.code == "unauthenticated"


@pytest.mark.parametrize("door", DOORS)
def test_lengths_are_those_of_the_stored_form(doors: Doors, door: str) -> None:  # noqa: F811
    longest = "e\u0308" * 80
    anyone = doors[door](None)

    registered = anyone.register(username=longest, email="a@example.com", password=PASSWORD)
    signed_in = anyone.sign_in(username=longest, password=PASSWORD)
    too_long = [
        anyone.register(username=name, email="b@example.com", password=PASSWORD).fields
        for name in ("e\u0308" * 81, "\u3392" * 40, "x" * 1_000)
    ]

    assert (registered.code, registered.value["username"]) == (None, "\u00eb" * 80)
    assert signed_in.code is None
    assert too_long == [{"username": "Username has at most 80 characters"}] * 3
    assert User.objects.count() == 1


@pytest.mark.parametrize("email", ["ADA@example.com", "\uff21da@example.com", "a\uff44a@EXAMPLE.COM"])
def test_email_is_taken_in_every_form(email: str) -> None:
    make_user(email="ada@example.com")

    with pytest.raises(UserExists) as refusal:
        register_user(username="other", email=email, password=PASSWORD)

    assert refusal.value.fields == {"email": "Email is already registered"}
    assert User.objects.count() == 1


def test_name_of_staff_signs_in_the_same_user_everywhere(client: Client) -> None:
    staff = make_staff(username="staff", password=PASSWORD)

    for name in ("staff", *SAME["staff"]):
        client.post("/admin/login/", {"username": name, "password": PASSWORD})
        assert client.session["_auth_user_id"] == str(staff.pk)
        client.post("/admin/logout/")
        assert user_of(obtain_tokens(username=name, password=PASSWORD).access) == staff


# -- Other ways to write a user ---------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "other"), PAIRS, ids=ascii)
def test_database_itself_refuses_a_second_form_of_a_name(name: str, other: str) -> None:
    user = make_user(username=name)
    bystander = make_user(username="bystander")
    columns = "username, email, password, is_staff, is_active, is_superuser"

    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(username=other, email="b@example.com")])
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=bystander.pk).update(username=other)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET username = %s WHERE id = %s", [other, bystander.pk])
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO accounts_user ({columns}) VALUES (%s, 'b@example.com', '!', %s, %s, %s)",
            [other, False, True, False],
        )

    assert names() == [user.username, "bystander"]
    assert User.objects.get_by_natural_key(other) == user


def test_folded_name_follows_every_change_and_nothing_else_sets_it() -> None:
    user = make_user(username=NFC)

    User.objects.filter(pk=user.pk).update(username="Ada")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET username_folded = 'x' WHERE id = %s", [user.pk])
    user.refresh_from_db()
    kept = user.username_folded
    user.username = "ADA \ufb01"
    user.save()

    assert kept == "ada"
    assert User.objects.values_list("username", "username_folded").get() == ("ADA fi", "ada fi")
    assert not triggers.missing()


def test_every_letter_folds_alike_in_python_and_in_the_database() -> None:
    letters = [chr(code) for code in range(0x21, 0x3000) if chr(code).isalnum()]
    made = [User(username=f"n{n}", email=f"n{n}@example.com") for n in range(0, len(letters), 20)]
    User.objects.bulk_create(made)

    for place, user in enumerate(User.objects.order_by("pk")):
        User.objects.filter(pk=user.pk).update(username=f"{place}-" + "".join(letters[place * 20 : place * 20 + 20]))

    assert [
        (name, form) for name, form in User.objects.values_list("username", "username_folded") if form != folded(name)
    ] == []


def test_own_name_may_change_its_case() -> None:
    user = make_user(username=NFC)

    user.username = "ZO\u00cb"
    user.save()

    assert User.objects.named("zoe\u0308").get().username == "ZO\u00cb"


@pytest.mark.parametrize("name", ["STAFF", WIDE_STAFF])
def test_admin_form_refuses_a_name_that_is_taken_and_normalizes_others(client: Client, name: str) -> None:
    boss = make_user(username="staff", is_staff=True, is_superuser=True)
    client.force_login(boss)
    form = {"email": "new@example.com", "password1": "a-Long-enough-1", "password2": "a-Long-enough-1"}

    refused = client.post("/admin/accounts/user/add/", form | {"username": name})
    added = client.post("/admin/accounts/user/add/", form | {"username": NFD})

    assert refused.status_code == 200
    assert "already" in str(refused.context_data["adminform"].form.errors["username"])
    assert added.status_code == 302
    assert names() == ["staff", NFC]


@pytest.mark.parametrize("name", ["STAFF", WIDE_STAFF])
def test_createsuperuser_refuses_a_name_that_is_taken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    make_user(username="staff")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)

    with pytest.raises(CommandError, match="That username is already taken"):
        call_command("createsuperuser", interactive=False, username=name, email="b@example.com")
    call_command("createsuperuser", interactive=False, username=NFD, email="z@example.com", stdout=StringIO())

    assert names() == ["staff", NFC]


def test_quickstart_takes_a_user_whose_name_looks_like_its_own_for_it() -> None:
    make_user(username="Staff", email="other@example.com")

    added, _ = prepare(PASSWORD)

    assert added == ["customer"]
    assert User.objects.named("staff").get().username == "Staff"


def test_importer_gives_a_customer_whose_name_a_stranger_took_another(tmp_path: Path) -> None:
    stranger = make_user(username="CUSTOMER-17850", password=PASSWORD)

    import_file(write_file(tmp_path / "file.csv", [row(1, customer="17850")]))

    assert names() == ["CUSTOMER-17850", "customer-17850-2"]
    assert not stranger.orders.exists()


# -- The migration ----------------------------------------------------------------------------------------------
OLD, NEW = [("accounts", "0001_initial")], [("accounts", "0002_username_folded")]


def migrate(target: list[tuple[str, str]]) -> None:
    executor = MigrationExecutor(connection)
    executor.loader.build_graph()
    executor.migrate(target)


@pytest.fixture
def old_users(transactional_db: None) -> Any:
    """Go back to before usernames were folded: a function that adds users there; in the end all is as it was."""

    def add(*usernames: str) -> None:
        with connection.cursor() as cursor:
            for n, name in enumerate(usernames):
                cursor.execute(
                    "INSERT INTO accounts_user (username, email, password, is_staff, is_active, is_superuser) "
                    f"VALUES (%s, 'u{n}@example.com', '!', %s, %s, %s)",
                    [name, False, True, False],
                )

    migrate(OLD)
    yield add
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_user")
    call_command("migrate", verbosity=0)


def test_migration_normalizes_the_names_that_are_there(old_users: Any) -> None:
    old_users("ada", "\uff42ob", NFD, "\ufdfa" * 80)

    migrate(NEW)

    stored = list(User.objects.order_by("pk").values_list("username", "username_folded"))
    assert stored[:3] == [("ada", "ada"), ("bob", "bob"), (NFC, "zo\u00eb")]
    assert stored[3] == ("\ufdfa" * 80, folded("\ufdfa" * 80))  # too long in NFKC: left as it is
    assert not triggers.missing()
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user(username="ADA")


def test_migration_names_the_users_that_are_the_same_now_and_changes_nothing(old_users: Any) -> None:
    old_users("staff", "ada", WIDE_STAFF, NFD)

    with pytest.raises(CommandError) as refusal:
        migrate(NEW)

    with connection.cursor() as cursor:
        cursor.execute("SELECT id, username FROM accounts_user ORDER BY id")
        rows = cursor.fetchall()
        columns = {column.name for column in connection.introspection.get_table_description(cursor, "accounts_user")}
    assert [name for _, name in rows] == ["staff", "ada", WIDE_STAFF, NFD]
    assert "username_folded" not in columns
    assert f"'staff' (id {rows[0][0]}) and {WIDE_STAFF!r} (id {rows[2][0]})" in str(refusal.value)
    assert "ada" not in str(refusal.value)


def test_migration_names_the_users_whose_address_is_not_ascii(old_users: Any) -> None:
    old_users("ada")
    migrate(NEW)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET email = '\uff41da@example.com'")
        cursor.execute("SELECT id FROM accounts_user")
        [(pk,)] = cursor.fetchall()

    with pytest.raises(CommandError, match=f"to these users, then migrate again: {pk}"):
        migrate([("accounts", "0003_email_ascii")])
