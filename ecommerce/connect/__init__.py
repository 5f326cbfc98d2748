"""gRPC-Web and Connect: the services of gRPC on the HTTP origin, for browsers and for plain HTTP.

connectrpc reads and writes what the two protocols put around a message. It is not let near what is in a message, nor
near an error: it would read both on the event loop before it is known who asks, unpack what is compressed without end,
and tell clients what Python says of it. There is no CORS: a page calls the shop it comes from.
"""
