"""What keeps a connection open on the HTTP origin: event streams, subscriptions, WebSockets, streams of Connect.

All of it runs on the event loop, beside the bridge; what asks the database does so on threads of its own, so that no
number of streams costs a plain request its thread.
"""
