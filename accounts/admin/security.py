"""The page where staff look after their own sign-ins: the second factor, and the sessions that are open."""

from typing import Any

import segno
from django import forms
from django.contrib import admin, messages
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.models import AdminSession, TokenFamily, User
from core.actors import SignedIn
from core.admin.ids import id_in
from core.admin.options import ShopAdmin
from core.permissions import signed_in

admin.site.unregister(TOTPDevice)  # its page would show the secrets of others

TEMPLATE = "admin/accounts/user/security.html"
DEVICE_NAME = "Authenticator app"


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code",
        max_length=10,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class SecurityAdmin(ShopAdmin):
    """The part of the users' admin that shows the own sign-ins."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.security_view)
        return [path("security/", view, name="accounts_user_security"), *super().get_urls()]

    def security_view(self, request: HttpRequest) -> HttpResponse:
        user = signed_in(request.user)
        form = CodeForm(request.POST if "code" in request.POST else None)
        if request.method == "POST" and ("code" not in request.POST or form.is_valid()):
            if "end" in request.POST:
                _end(request, user, request.POST["end"])
            elif "code" in request.POST:
                _turn(request, user, form.cleaned_data["code"])
            return HttpResponseRedirect(reverse("admin:accounts_user_security"))
        return TemplateResponse(
            request, TEMPLATE, self.admin_site.each_context(request) | _context(request, user, form)
        )


def device_of(user: SignedIn) -> Any:
    """Return the user's device: the confirmed one, or one that waits for its first code."""
    found = TOTPDevice.objects.filter(user=user).order_by("-confirmed", "id").first()
    return found or TOTPDevice.objects.create(user=user, name=DEVICE_NAME, confirmed=False)


def _turn(request: HttpRequest, user: SignedIn, code: str) -> None:
    """Turn the second factor on, or off if it is on, with a valid code."""
    device = device_of(user)
    if not device.verify_is_allowed()[0] or not device.verify_token(code):
        messages.error(request, "The code is wrong or was used already. Wait for the next one.")
    elif device.confirmed:
        device.delete()
        messages.success(request, "The second factor is off.")
    else:
        device.confirmed = True
        device.save()
        messages.success(request, "The second factor is on: each sign-in here asks for a code.")


def _end(request: HttpRequest, user: SignedIn, name: str) -> None:
    """End one session of the admin, or one sign-in of the APIs, if it is the user's own."""
    kind, _, key = name.partition(":")
    if kind == "session":
        ended = AdminSession.objects.filter(user=user, pk=id_in(key)).first()
        if ended is not None:
            Session.objects.filter(pk=ended.session_key).delete()
            ended.delete()
    elif kind == "tokens":
        open_families = [family for family in _families(user) if str(family.pk) == key]
        TokenFamily.objects.filter(pk__in=[family.pk for family in open_families]).update(ended_at=timezone.now())
    messages.success(request, "The sign-in was ended.")


def _families(user: SignedIn) -> Any:
    return TokenFamily.objects.filter(user=user, ended_at=None, expires_at__gt=timezone.now()).order_by("-created_at")


def _context(request: HttpRequest, user: SignedIn, form: CodeForm) -> dict[str, Any]:
    device = device_of(user)
    sessions = AdminSession.objects.filter(user=user).order_by("-began_at")
    present = set(Session.objects.filter(pk__in=[row.session_key for row in sessions]).values_list("pk", flat=True))
    return {
        "title": "Security",
        "opts": User._meta,
        "form": form,
        "device": device,
        "picture": None if device.confirmed else segno.make(device.config_url).svg_data_uri(scale=4, light="#fff"),
        "secret": None if device.confirmed else _secret_of(device.config_url),
        "sessions": [row for row in sessions if row.session_key in present],
        "current": request.session.session_key,
        "families": _families(user),
    }


def _secret_of(config_url: str) -> str:
    return config_url.partition("secret=")[2].partition("&")[0]
