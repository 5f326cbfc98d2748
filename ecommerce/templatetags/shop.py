"""Money and moments in the templates of the admin."""

from django import template

from ecommerce.admin import display

register = template.Library()
register.filter("money", display.money)
register.filter("exactly", display.exactly)
register.filter("moment", display.moment)
