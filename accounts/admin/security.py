"""The page Security, where staff manage their second factor and end their own sessions."""

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

from accounts.actions import end_family
from accounts.models import AdminSession, TokenFamily, User
from core.actors import SignedIn
from core.admin.options import ShopAdmin
from core.permissions import signed_in

admin.site.unregister(TOTPDevice)  # its pages would show the secrets of other users

TEMPLATE = "admin/accounts/user/security.html"
DEVICE_NAME = "Authenticator app"


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code",
        max_length=10,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class SecurityAdmin(ShopAdmin):
    """The page Security, as a part of the users' admin."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.security_view)
        return [path("security/", view, name="accounts_user_security"), *super().get_urls()]

    def security_view(self, request: HttpRequest) -> HttpResponse:
        user = signed_in(request.user)
        form = CodeForm(request.POST if "code" in request.POST else None)
        if request.method == "POST" and ("code" not in request.POST or form.is_valid()):
            if "end" in request.POST:
                _end_sign_in(request, user, request.POST["end"])
            elif "code" in request.POST:
                _toggle_second_factor(request, user, form.cleaned_data["code"])
            return HttpResponseRedirect(reverse("admin:accounts_user_security"))
        return TemplateResponse(
            request, TEMPLATE, self.admin_site.each_context(request) | _context(request, user, form)
        )


def device_of(user: SignedIn) -> Any:
    """Return the user's confirmed device; if there is none, one that its first code will confirm."""
    found = TOTPDevice.objects.filter(user=user).order_by("-confirmed", "id").first()
    return found or TOTPDevice.objects.create(user=user, name=DEVICE_NAME, confirmed=False)


def _toggle_second_factor(request: HttpRequest, user: SignedIn, code: str) -> None:
    """Turn the second factor on or off, if the code is valid."""
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


def _end_sign_in(request: HttpRequest, user: SignedIn, name: str) -> None:
    """End one of the user's own sign-ins: `session:ID` in the admin, or `tokens:ID` in the APIs."""
    kind, _, key = name.partition(":")
    sign_ins = _families(user) if kind == "tokens" else _sessions(user)
    sign_in = next((each for each in sign_ins if str(each.pk) == key), None)
    if sign_in is None:
        messages.error(request, "This sign-in had ended already.")
        return
    if isinstance(sign_in, TokenFamily):
        end_family(family_id=sign_in.pk)
    else:
        Session.objects.filter(pk=sign_in.session_key).delete()
        sign_in.delete()
    messages.success(request, "The sign-in was ended.")


def _sessions(user: SignedIn) -> Any:
    """Return the user's open sessions of the admin: expired sessions stay in the table until `prune` runs."""
    open_keys = Session.objects.filter(expire_date__gt=timezone.now()).values("pk")
    return AdminSession.objects.filter(user=user, session_key__in=open_keys).order_by("-began_at")


def _families(user: SignedIn) -> Any:
    """Return the user's open sign-ins of the APIs."""
    return TokenFamily.objects.filter(user=user, ended_at=None, expires_at__gt=timezone.now()).order_by("-created_at")


def _context(request: HttpRequest, user: SignedIn, form: CodeForm) -> dict[str, Any]:
    device = device_of(user)
    return {
        "title": "Security",
        "opts": User._meta,
        "form": form,
        "device": device,
        "qr_code": None if device.confirmed else segno.make(device.config_url).svg_data_uri(scale=4, light="#fff"),
        "secret": None if device.confirmed else _secret_of(device.config_url),
        "sessions": _sessions(user),
        "current": request.session.session_key,
        "families": _families(user),
    }


def _secret_of(config_url: str) -> str:
    return config_url.partition("secret=")[2].partition("&")[0]
