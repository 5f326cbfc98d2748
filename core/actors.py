"""The types of callers: every action, permission and queryset takes one of these, whatever the protocol."""

from typing import TYPE_CHECKING, TypeAlias

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

if TYPE_CHECKING:
    from django.contrib.auth.models import _User  # the model of AUTH_USER_MODEL
else:
    _User = AbstractBaseUser

SignedIn: TypeAlias = _User
Actor: TypeAlias = SignedIn | AnonymousUser
