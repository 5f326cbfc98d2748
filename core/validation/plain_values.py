"""Checks of single values. Each returns the validated value, or NOT_PLAIN if the full check has to decide.

See `plain_input`. These checks serve the fields of serializers and the columns of models alike.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django.core import validators
from django.core.exceptions import ValidationError
from django.db import models

NOT_PLAIN: Any = object()
PlainCheck = Callable[[Any], Any]

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# The codes of validators that need not run, because _UNSTORABLE finds the same characters.
_IMPLIED = ("null_characters_not_allowed", "surrogate_characters_not_allowed", "surrogates_not_allowed")
_LIMITS = (validators.MaxLengthValidator, validators.MinValueValidator, validators.MaxValueValidator)
_CENT = Decimal("0.01")
_MAX_DIGITS = 28  # the precision of Python's decimals: longer numbers are rounded
_PLAIN_AMOUNT = re.compile(r"[0-9]{1,26}(\.[0-9]{1,2})?")


def text_check(field: Any) -> PlainCheck | None:
    """Return the check of a text."""
    rules, limits = _rules_of(field)
    most = min(limits.get(validators.MaxLengthValidator, ()), default=None)
    if most is None or rules is None:
        return None
    accepts_empty, trims = field.allow_blank, field.trim_whitespace

    def check_text(value: object) -> Any:
        if type(value) is not str:
            return NOT_PLAIN
        if trims:
            value = value.strip()
        if not value:
            return value if accepts_empty else NOT_PLAIN
        if len(value) > most or (not value.isprintable() and _UNSTORABLE.search(value)):
            return NOT_PLAIN
        return NOT_PLAIN if rules and not _passes(value, rules) else value

    return check_text


def whole_check(field: object) -> PlainCheck | None:
    """Return the check of a whole number."""
    rules, limits = _rules_of(field)
    least = max(limits.get(validators.MinValueValidator, ()), default=-(2**63))
    most = min(limits.get(validators.MaxValueValidator, ()), default=2**63)
    if rules is None:
        return None

    def check_whole(value: object) -> Any:
        is_plain = type(value) is int and least <= value <= most and (not rules or _passes(value, rules))
        return value if is_plain else NOT_PLAIN

    return check_whole


def money_check(field: Any) -> PlainCheck | None:
    """Return the check of an amount: an int, a float, a Decimal or a text of a number, with at most two decimals."""
    rules, limits = _rules_of(field)
    if rules is None or field.decimal_places != 2 or not 2 < field.max_digits <= _MAX_DIGITS or field.rounding:
        return None
    least = max(limits.get(validators.MinValueValidator, ()), default=Decimal(0))
    most = min([Decimal(10 ** (field.max_digits - 2)) - _CENT, *limits.get(validators.MaxValueValidator, ())])

    def check_money(value: Any) -> Any:
        kind = type(value)
        if kind is float:
            value = Decimal(repr(value))
        elif kind is int or (kind is str and _PLAIN_AMOUNT.fullmatch(value)):
            value = Decimal(value)
        elif kind is not Decimal:
            return NOT_PLAIN
        exponent = value.as_tuple().exponent
        if exponent not in (0, -1, -2) or not least <= value <= most:
            return NOT_PLAIN
        value = value.quantize(_CENT)
        return NOT_PLAIN if rules and not _passes(value, rules) else value

    return check_money


def column_check(field: "models.Field[Any, Any]") -> PlainCheck | None:
    """Return the check of a column. If it accepts a value, `clean_fields` accepts it too and leaves it as it is."""
    if isinstance(field, models.CharField | models.TextField):
        return text_check(_Column(field, allow_blank=field.blank, trim_whitespace=False))
    if isinstance(field, models.IntegerField):
        return whole_check(field)
    if isinstance(field, models.ForeignKey) and isinstance(field.target_field, models.IntegerField):
        return lambda value: value if type(value) is int else NOT_PLAIN  # `clean_fields` leaves out relations
    if isinstance(field, models.DecimalField):
        check = money_check(_Column(field, rounding=None))
        return lambda value: check(value) if check and type(value) is Decimal else NOT_PLAIN
    return None


class _Column(SimpleNamespace):
    """A field of a model with the attributes of a serializer's field."""

    def __init__(self, field: "models.Field[Any, Any]", **attributes: object) -> None:
        super().__init__(**attributes)
        self._field = field

    def __getattr__(self, name: str) -> Any:
        return getattr(self._field, name)


def _rules_of(field: Any) -> tuple[list[Any] | None, dict[type, list[Any]]]:
    """Return the validators to call (None if one is of REST framework), and the limits of the others."""
    rules: list[Any] = []
    limits: dict[type, list[Any]] = {}
    for rule in field.validators:
        kind = type(rule)
        if kind in _LIMITS and not callable(rule.limit_value):
            limits.setdefault(kind, []).append(rule.limit_value)
        elif getattr(rule, "code", None) in _IMPLIED or _is_of_its_digits(rule, field):
            continue
        elif kind.__module__.startswith("rest_framework"):
            return None, limits
        else:
            rules.append(rule)
    return rules, limits


def _is_of_its_digits(rule: Any, field: Any) -> bool:
    """Whether a validator checks only the digits that `money_check` allows."""
    if not isinstance(rule, validators.DecimalValidator):
        return False
    return (rule.max_digits, rule.decimal_places) == (field.max_digits, field.decimal_places)


def _passes(value: object, rules: list[Any]) -> bool:
    try:
        for rule in rules:
            rule(value)
    except ValidationError:
        return False
    return True
