"""The filters of the list of users, in every protocol."""

import django_filters

from accounts.models import User
from accounts.querysets import UserQuerySet
from core.lists.bound import Bound
from core.lists.filters import ShopFilterSet
from core.validation.validators import storable_text


class UserFilter(ShopFilterSet):
    email = django_filters.CharFilter(
        method="by_email", max_length=120, validators=storable_text, help_text="The e-mail is this; case is ignored."
    )
    username = django_filters.CharFilter(
        method="by_username",
        max_length=80,
        validators=storable_text,
        help_text="The username is this; case and Unicode form are ignored.",
    )

    bound = frozenset(("email", "username"))

    class Meta:
        model = User
        fields: list[str] = []

    def by_email(self, queryset: UserQuerySet, name: str, email: str | Bound) -> UserQuerySet:
        return queryset.with_email(email)

    def by_username(self, queryset: UserQuerySet, name: str, username: str | Bound) -> UserQuerySet:
        return queryset.named(username)
