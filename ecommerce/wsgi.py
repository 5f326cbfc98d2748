"""The WSGI entry point: requests and answers, for any WSGI server, and behind `ecommerce.asgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
application = get_wsgi_application()
