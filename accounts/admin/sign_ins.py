"""Records admin sessions and failed sign-ins, and reports the failures to the user at the next sign-in."""

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
    if request.session.session_key is None:  # the session of another user was flushed
        request.session.save()
    AdminSession.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={
            "user": user,
            "address": request.META.get("REMOTE_ADDR", ""),
            "agent": request.headers.get("User-Agent", "")[:MAX_AGENT_LENGTH],
        },
    )
    _report_failures(request, user)


def _report_failures(request: HttpRequest, user: User) -> None:
    """Report the failed attempts since the last sign-in, and delete exactly those: more may be recorded meanwhile."""
    failed = FailedSignIn.objects.filter(user=user)
    latest = failed.order_by("pk").last()
    count = failed.filter(pk__lte=latest.pk).delete()[0] if latest else 0
    if latest and count:
        attempts = "1 attempt" if count == 1 else f"{count} attempts"
        text = f"Since your last sign-in, {attempts} with your name failed, the last at {moment(latest.at)}"
        messages.warning(
            request, f"{text} from {latest.address or 'an unknown address'}. If it was not you, change your password."
        )


@receiver(user_logged_out)
def forget_session(sender: object, request: HttpRequest, **kwargs: Any) -> None:
    AdminSession.objects.filter(session_key=request.session.session_key).delete()


@receiver(user_login_failed)
def note_failure(
    sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    """Record the attempt if a staff user has this name. The sign-in budgets limit the rate of new rows."""
    name = str(credentials.get("username") or "")
    if name and is_storable(name) and (user := User.objects.named(name).filter(is_staff=True).first()):
        FailedSignIn.objects.create(user=user, address=request.META.get("REMOTE_ADDR", "") if request else "")


@receiver(wrong_code)
def note_wrong_code(sender: object, user: User, request: HttpRequest, **kwargs: Any) -> None:
    """Record a wrong code that followed the right password."""
    FailedSignIn.objects.create(user=user, address=request.META.get("REMOTE_ADDR", ""))
