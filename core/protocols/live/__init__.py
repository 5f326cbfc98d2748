"""Long-lived connections on the HTTP origin: event streams, subscriptions, WebSockets, Connect streams.

All of them run on the event loop, beside the bridge. Their database queries run on a thread pool of their own, so that
streams, however many, never take a thread from a plain request.
"""
