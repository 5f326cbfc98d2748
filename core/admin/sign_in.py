"""The sign-in page. Overrides private methods of django-otp's form. Tried on django-otp 1.7.5."""

from django import forms
from django.core.exceptions import ValidationError
from django.dispatch import Signal
from django_otp import devices_for_user, user_has_device
from django_otp.forms import OTPAuthenticationFormMixin
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminTextInputWidget

from core.actors import SignedIn
from core.errors import RateLimited
from core.rates.limits import spend_sign_in

wrong_code = Signal()  # has the request, which django-otp's signal lacks, and the user; the password was right


class SignInForm(OTPAuthenticationFormMixin, AuthenticationForm):
    """Name, password and, for users with a second factor, its code; counted in the same budget as in the APIs."""

    otp_token = forms.CharField(
        label="Code of your authenticator app, if you use one",
        required=False,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )
    otp_error_messages = OTPAuthenticationFormMixin.otp_error_messages | {
        "token_required": "Enter the code of your authenticator app.",
        "invalid_token": "The code is wrong or was used already. Wait for the next one.",
    }

    def _chosen_device(self, user: SignedIn) -> object:
        """Return the user's device: each user has at most one."""
        return next(devices_for_user(user, for_verify=True), None)

    def _update_form(self, user: SignedIn) -> None:
        """Keep the form as it is: the library would put the password into the page again."""

    def clean(self) -> dict[str, object]:
        name = self.cleaned_data.get("username") or ""
        try:
            spend_sign_in(name=name, address=self.request.META.get("REMOTE_ADDR") or "unknown")
        except RateLimited as refusal:
            text = f"Too many attempts to sign in. Wait {refusal.retry_after_s} seconds, then try again."
            raise ValidationError(text, code=refusal.code) from refusal
        cleaned: dict[str, object] = super().clean()
        user = self.get_user()
        if user is not None and user_has_device(user):
            self._check_code(user)
        return cleaned

    def _check_code(self, user: SignedIn) -> None:
        try:
            self.clean_otp(user)
        except ValidationError as refusal:
            if refusal.code == "invalid_token":
                wrong_code.send(type(self), user=user, request=self.request)
            raise
