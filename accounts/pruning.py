"""Deletes expired sessions of the admin."""

from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import AdminSession


def prune_sessions() -> int:
    """Delete expired sessions and the records of sessions that no longer exist; return the number of sessions."""
    deleted, _ = Session.objects.filter(expire_date__lte=timezone.now()).delete()
    AdminSession.objects.exclude(session_key__in=Session.objects.values("pk")).delete()
    return deleted
