#!/usr/bin/env python
"""Run Django's and the shop's commands: `python manage.py help`."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import Error

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except Error as error:
        from core.doctor.outages import line_of  # reads the settings, which are valid by now

        if (line := line_of(error)) is None:
            raise
        sys.exit(line)
