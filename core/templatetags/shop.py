"""Money, moments and browsers in the templates of the admin."""

from django import template

from core.admin import display

register = template.Library()
register.filter("money", display.money)
register.filter("signed", display.signed)
register.filter("exactly", display.exactly)
register.filter("moment", display.moment)
register.filter("browser", display.browser)
