"""GraphiQL, the page for a browser at /graphql: all of it from this server."""

import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

# What React and CodeMirror set by script is no matter of style-src; the nonce is for the <style> of a dialog, which
# stops the page behind it from scrolling. The fonts are within the style sheet.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'nonce-{nonce}'",
    "font-src": "data:",
    "img-src": "'self' data:",
    "connect-src": "'self' {sockets}",  # for some browsers 'self' is no WebSocket
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def page(request: HttpRequest) -> HttpResponse:
    """Return the page, and what its scripts, styles and requests are allowed."""
    nonce = secrets.token_urlsafe(16)
    response = render(request, "graphiql.html", {"store_name": settings.STORE_NAME, "nonce": nonce})
    sockets = f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    response["Content-Security-Policy"] = "; ".join(
        f"{name} {sources.format(nonce=nonce, sockets=sockets)}" for name, sources in POLICY.items()
    )
    response["Cache-Control"] = "no-store"  # a nonce is good once
    return response
