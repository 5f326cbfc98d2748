"""Notes the sessions of the admin, and tells users at their next sign-in about attempts that failed."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import AdminSession, FailedSignIn, User
from core.admin.display import moment
from core.admin.sign_in import wrong_code
from core.validation.validators import is_storable

MAX_AGENT_LENGTH = 200


@receiver(user_logged_in)
def note_session(sender: object, request: HttpRequest, user: User, **kwargs: Any) -> None:
    if request.session.session_key is None:  # another user was signed in here, whose session was flushed
        request.session.save()
    AdminSession.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={
            "user": user,
            "address": request.META.get("REMOTE_ADDR", ""),
            "agent": request.headers.get("User-Agent", "")[:MAX_AGENT_LENGTH],
        },
    )
    failed = FailedSignIn.objects.filter(user=user)
    if count := failed.count():
        latest = failed.latest("at")
        attempts = "1 attempt" if count == 1 else f"{count} attempts"
        text = f"Since your last sign-in, {attempts} with your name failed, the last at {moment(latest.at)}"
        messages.warning(
            request, f"{text} from {latest.address or 'an unknown address'}. If it was not you, change your password."
        )
        failed.delete()


@receiver(user_logged_out)
def forget_session(sender: object, request: HttpRequest, **kwargs: Any) -> None:
    AdminSession.objects.filter(session_key=request.session.session_key).delete()


@receiver(user_login_failed)
def note_failure(
    sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    """Count the attempt, if there is such a user. The budgets of sign-ins bound the number of rows."""
    name = str(credentials.get("username") or "")
    if name and is_storable(name) and (user := User.objects.named(name).filter(is_staff=True).first()):
        FailedSignIn.objects.create(user=user, address=request.META.get("REMOTE_ADDR", "") if request else "")


@receiver(wrong_code)
def note_wrong_code(sender: object, user: User, request: HttpRequest, **kwargs: Any) -> None:
    """Count a wrong code, which followed the right password."""
    FailedSignIn.objects.create(user=user, address=request.META.get("REMOTE_ADDR", ""))
