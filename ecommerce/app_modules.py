"""Finds the apps' modules that the project package combines: routes, schemas, services and sockets."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from django.conf import settings


def app_modules(name: str) -> list[ModuleType]:
    """Return the module of this name of each app in SHOP_APPS that has one."""
    names = [f"{app}.{name}" for app in settings.SHOP_APPS]
    return [import_module(module) for module in names if find_spec(module)]
