"""Which users a caller may see."""

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from accounts.permissions import can_list_users
from tests.support.factories import make_staff, make_user

pytestmark = pytest.mark.django_db


def test_users_see_themselves_and_staff_see_everybody() -> None:
    ada, bob, staff = make_user(), make_user(), make_staff()

    assert list(User.objects.visible_to(ada)) == [ada]
    assert list(User.objects.visible_to(staff)) == [ada, bob, staff]
    assert list(User.objects.visible_to(AnonymousUser())) == []


def test_list_of_users_is_for_staff() -> None:
    assert [can_list_users(user) for user in (make_user(), make_staff(), AnonymousUser())] == [False, True, False]
