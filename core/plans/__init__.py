"""The compiled read path: the work that is the same for every request is done once.

Django and DRF work out anew for each request which SQL a queryset needs, and how each field of a serializer writes its
value. Here both are compiled on first use:

- `statements`: a `Statement` compiles the SQL of a queryset. Values that differ between requests, such as an id or a
  limit, are `Bound` placeholders in it. A run returns tuples, not model objects.
- `plan`: a `ReadPlan` compiles the fields of a serializer to one Python function, from rows to the objects of a
  response. The serializer stays the only place where a field is defined.
- `columns`: the columns that a plan selects, and their indexes in the tuples.
- `generated`: how a function is made from the source of one expression for each field.
- `reads`: the statements for the rows that a caller may see: one row, a page, a number of rows. `where` narrows them to
  the filters of a request. Their SQL is compiled from the FilterSet once for each set of filters, not for each value.
- `parents`: the lists below a row, such as the orders of a user.

So a fast read is: `Statement.rows` gives tuples, `ReadPlan.from_tuples` makes objects of them, orjson writes these.
Views that have model objects already use `ReadPlan.from_objects`. If a serializer uses a feature that plans do not
support (`Unplannable` says which), it has no plan: its own `to_representation` is used, which is slower.
"""
