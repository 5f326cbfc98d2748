"""The project: settings, routes, entry points. Every process imports it first."""

from core.server.garbage import collect_seldom

collect_seldom()
