"""gRPC-Web and Connect: the gRPC services on the HTTP origin, for browsers and plain HTTP.

connectrpc does the framing only; this package decodes the messages and makes the errors. connectrpc would decode them
on the event loop before the caller is authenticated, decompress without limit, and send clients the texts of Python
exceptions.
"""
