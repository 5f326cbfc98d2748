"""Scalars with the same text in every protocol."""

from datetime import datetime

import graphene


class DateTime(graphene.DateTime):
    """A time in UTC, in ISO 8601: 2026-11-23T09:30:00.123456Z."""

    @staticmethod
    def serialize(moment: datetime) -> str:
        text: str = graphene.DateTime.serialize(moment)
        return text.replace("+00:00", "Z")  # as in REST
