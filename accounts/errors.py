"""Exceptions of users and tokens."""

from core.errors import AlreadyExists, NotFound, Unauthenticated


class UserNotFound(NotFound):
    pass


class UserExists(AlreadyExists):
    pass


class InvalidToken(Unauthenticated):
    """The token is malformed, expired, used or revoked, or its user can no longer sign in."""

    is_about_token = True

    def __init__(self) -> None:
        super().__init__("Invalid token")


class WrongPassword(Unauthenticated):
    """The name is unknown, the password is wrong or the user is inactive: one error for all three."""

    def __init__(self) -> None:
        super().__init__("Invalid username or password")
