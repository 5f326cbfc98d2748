"""The counter of logged requests, so that their list opens at once."""

from core.lists.row_counts import count_triggers

row_count = count_triggers("ecommerce_loggedrequest", ("ecommerce", "0008_loggedrequest"))
