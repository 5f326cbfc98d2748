"""The WSGI entry point: requests and responses, for any WSGI server and for `ecommerce.asgi`."""

import os

from django.core.wsgi import get_wsgi_application

from core.server.start.secret import warn_if_unkept

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
application = get_wsgi_application()
warn_if_unkept()
