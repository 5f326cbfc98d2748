"""REST: the base classes of all apps' views, and the fast path before them.

How a request is handled:

1. `fast_path` (`creating` for POSTs) answers plain requests before Django's handler.
2. All other requests go through Django's URLs (`routes`) to a view of an app, a subclass of `views.ShopViewSet`.
   `versions` and `negotiation` choose v1 or v2 and the format, `parsers` read the body (`markup`: XML). The view
   authenticates the caller, counts the request and checks the rule.
3. `pagination` cuts a list into pages, `batch` writes the result of many rows, `events` streams the change feed.
4. `renderers` write the body, `conditional` adds ETag and Last-Modified or answers 304 and 412, `caching` sets
   Cache-Control and Vary, `deprecation` announces the end of v1.
5. If an exception is raised on the way, `errors` writes the refusal; in v2 it is a problem document (`problems`).
"""
