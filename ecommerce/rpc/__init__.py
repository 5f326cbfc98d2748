"""gRPC: everything that lies between the shop and the packages that speak it.

No app imports grpc or django_grpc_framework; what the second fails at on today's Django, protobuf and grpcio is put
right here (messages.py, service.py, the command grpcrunserver).
"""
