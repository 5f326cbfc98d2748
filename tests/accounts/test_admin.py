"""Users in the admin: staff look after customers, superusers give rights."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts import actions
from accounts.admin import users as user_admin
from accounts.models import User
from tests.support.factories import make_staff, make_user
from tests.support.pages import fields_of

pytestmark = pytest.mark.django_db

LIST = "/admin/accounts/user/"
PASSWORD = "a-Long-enough-1"


@pytest.fixture
def staff(client: Client) -> User:
    """Staff without any of Django's model permissions, signed in."""
    user = make_staff()
    client.force_login(user)
    return user


@pytest.fixture
def superuser(client: Client) -> User:
    user = make_staff(is_superuser=True)
    client.force_login(user)
    return user


def page_of(user: User) -> str:
    return f"{LIST}{user.pk}/change/"


def save(client: Client, user: User, **values: str) -> HttpResponse:
    return client.post(page_of(user), fields_of(client.get(page_of(user)), "user_form") | values)


def add(client: Client, **values: str) -> HttpResponse:
    entries = {"username": "new", "email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}
    return client.post(f"{LIST}add/", entries | values)


def errors_of(response: HttpResponse) -> dict[str, Any]:
    assert response.status_code == 200
    return dict(response.context_data["adminform"].form.errors)


def rights_of(user: User) -> tuple[bool, bool, bool]:
    user = User.objects.get(pk=user.pk)
    return user.is_active, user.is_staff, user.is_superuser


# -- Adding ---------------------------------------------------------------------------------------------------------
def test_user_is_added_with_a_password(client: Client, staff: User) -> None:
    response = add(client)

    user = User.objects.get(username="new")
    assert response.status_code == 302
    assert user.check_password(PASSWORD)
    assert (user.email, *rights_of(user)) == ("new@example.com", True, False, False)


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"email": "JOE@Example.com"}, "email", "Email is already registered"),
        ({"username": "joe"}, "username", "A user with that username already exists."),
        ({"password1": "12345678", "password2": "12345678"}, "password2", "This password is too common."),
        ({"password2": "other"}, "password2", "The two password fields didn"),
        ({"email": "no"}, "email", "Enter a valid email address."),
        ({"email": "jö@example.com"}, "email", "Enter a valid email address."),
    ],
)
def test_user_that_may_not_be_is_an_error_of_its_field(
    client: Client, staff: User, values: dict[str, str], field: str, text: str
) -> None:
    make_user(username="joe", email="joe@example.com")

    errors = errors_of(add(client, **values))

    assert list(errors) == [field]
    assert text in errors[field][0]
    assert User.objects.count() == 2


def test_rights_posted_by_staff_with_a_new_user_are_ignored(client: Client, staff: User) -> None:
    add(client, is_staff="on", is_superuser="on")

    assert rights_of(User.objects.get(username="new")) == (True, False, False)


def test_superuser_adds_staff(client: Client, superuser: User) -> None:
    add(client, is_staff="on")

    assert rights_of(User.objects.get(username="new")) == (True, True, False)


# -- Changing -------------------------------------------------------------------------------------------------------
def test_staff_change_a_customer(client: Client, staff: User) -> None:
    customer = make_user()
    fields = fields_of(client.get(page_of(customer)), "user_form")
    del fields["is_active"]

    response = client.post(page_of(customer), fields | {"username": "ann", "email": "ann@example.com"})

    customer.refresh_from_db()
    assert response.status_code == 302
    assert (customer.username, customer.email, customer.is_active) == ("ann", "ann@example.com", False)


def test_email_taken_in_another_case_is_an_error_of_its_field(client: Client, staff: User) -> None:
    make_user(email="joe@example.com")
    customer = make_user(email="ann@example.com")

    errors = errors_of(save(client, customer, email="Joe@Example.COM"))

    assert errors == {"email": ["Email is already registered"]}
    assert User.objects.get(pk=customer.pk).email == "ann@example.com"


def test_name_taken_between_check_and_write_is_an_error_of_its_field(
    client: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = make_user()

    def register_first(user: User) -> User:
        make_user(username="ann")
        return actions.save_user(user)

    monkeypatch.setattr(user_admin, "save_user", register_first)
    errors = errors_of(save(client, customer, username="ann"))

    assert errors == {"username": ["Username is already registered"]}


def test_staff_give_a_customer_no_rights(client: Client, staff: User) -> None:
    customer = make_user()

    assert save(client, customer, is_staff="on", is_superuser="on").status_code == 302
    assert rights_of(customer) == (True, False, False)


def test_superuser_gives_rights(client: Client, superuser: User) -> None:
    customer = make_user()

    assert save(client, customer, is_staff="on").status_code == 302
    assert rights_of(customer) == (True, True, False)


@pytest.mark.parametrize("target", ["superuser", "staff", "self"])
def test_staff_read_but_do_not_change_accounts_of_staff(client: Client, staff: User, target: str) -> None:
    boss = make_staff(is_superuser=True)
    user = {"superuser": boss, "staff": make_staff(), "self": staff}[target]
    before = User.objects.filter(pk=user.pk).values().get()

    page = client.get(page_of(user))
    posted = client.post(page_of(user), {"username": "x", "email": "x@example.com", "is_superuser": "on"})
    password = client.post(f"{LIST}{user.pk}/password/", {"password1": PASSWORD, "password2": PASSWORD})

    assert (page.status_code, posted.status_code, password.status_code) == (200, 403, 403)
    assert user.password not in page.content.decode()
    assert User.objects.filter(pk=user.pk).values().get() == before


def test_superusers_leave_their_own_rights_alone(client: Client, superuser: User) -> None:
    fields = {"username": superuser.username, "email": "me@example.com"}

    assert client.post(page_of(superuser), fields).status_code == 302
    assert rights_of(superuser) == (True, True, True)
    assert User.objects.get(pk=superuser.pk).email == "me@example.com"


@pytest.mark.parametrize("path", ["{pk}/delete/"])
def test_nobody_is_deleted(client: Client, superuser: User, path: str) -> None:
    customer = make_user()

    assert client.post(LIST + path.format(pk=customer.pk), {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=customer.pk).exists()


# -- Passwords ------------------------------------------------------------------------------------------------------
def test_staff_set_the_password_of_a_customer(client: Client, staff: User) -> None:
    customer = make_user()
    url = f"{LIST}{customer.pk}/password/"

    weak = client.post(url, {"password1": "12345678", "password2": "12345678"})
    good = client.post(url, {"password1": PASSWORD, "password2": PASSWORD})

    assert (weak.status_code, good.status_code, good.url) == (200, 302, page_of(customer))
    assert User.objects.get(pk=customer.pk).check_password(PASSWORD)


def test_staff_change_their_own_password_with_the_old_one(client: Client) -> None:
    client.force_login(user := make_staff(password="the-Old-one-1"))
    entries = {"new_password1": PASSWORD, "new_password2": PASSWORD}

    assert client.post("/admin/password_change/", entries | {"old_password": "wrong"}).status_code == 200
    assert client.post("/admin/password_change/", entries | {"old_password": "the-Old-one-1"}).status_code == 302
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


# -- The list -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("params", "names"), [({"q": "JOE@"}, ["joe"]), ({"is_staff__exact": "0"}, ["ann", "joe"])])
def test_list_is_searched_and_narrowed(client: Client, staff: User, params: dict[str, str], names: list[str]) -> None:
    make_user(username="joe", email="joe@example.com")
    make_user(username="ann", email="ann@example.com")

    assert [user.username for user in client.get(LIST, params).context_data["cl"].result_list] == names


def test_groups_are_not_offered(client: Client, superuser: User) -> None:
    assert client.get("/admin/auth/group/").status_code == 404
