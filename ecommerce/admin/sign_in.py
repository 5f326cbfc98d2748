"""The sign-in page."""

from typing import Any

from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from ecommerce.errors import RateLimited
from ecommerce.limits import spend_sign_in


class SignInForm(AuthenticationForm):
    """Name and password, counted in the same budget as sign-ins over the API."""

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username") or ""
        try:
            spend_sign_in(name=name, address=self.request.META.get("REMOTE_ADDR", ""))
        except RateLimited as refusal:
            text = f"Too many tries to sign in. Wait {refusal.retry_after_s} seconds, then try again."
            raise ValidationError(text, code=refusal.code) from refusal
        return super().clean()
