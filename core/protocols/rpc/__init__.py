"""gRPC: the layer between the shop and the packages grpc and django_grpc_framework.

No app imports these two packages. Where django_grpc_framework fails on current versions of Django, protobuf and grpcio,
this package works around it (messages.py, service.py, the command grpcrunserver).
"""
