"""The project: settings, routes, entry points. Every process imports it first."""

from core.server.start.garbage import collect_seldom

collect_seldom()
