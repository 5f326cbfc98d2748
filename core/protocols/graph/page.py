"""GraphiQL, the page for browsers at /graphql. All its files come from this server."""

import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

# style-src does not apply to styles that React and CodeMirror set by script. The nonce is for the <style> with which a
# dialog stops the page behind it from scrolling. The fonts are in the style sheet.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'nonce-{nonce}'",
    "font-src": "data:",
    "img-src": "'self' data:",
    "connect-src": "'self' {sockets}",  # in some browsers 'self' does not include WebSockets
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def page(request: HttpRequest) -> HttpResponse:
    """Return the page, with its Content-Security-Policy."""
    nonce = secrets.token_urlsafe(16)
    response = render(request, "graphiql.html", {"store_name": settings.STORE_NAME, "nonce": nonce})
    sockets = f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    response["Content-Security-Policy"] = "; ".join(
        f"{name} {sources.format(nonce=nonce, sockets=sockets)}" for name, sources in POLICY.items()
    )
    response["Cache-Control"] = "no-store"  # a nonce must not be reused
    return response
