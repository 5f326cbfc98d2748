"""Asking a gRPC server whether it serves."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT_S = 1
NO_PROXY = [("grpc.enable_http_proxy", 0)]  # grpcio asks the proxy of the environment for local addresses too


def is_serving(address: str) -> bool:
    """Whether the server at HOST:PORT answers within a second, and says that it serves."""
    # A new channel every time: an old one waits longer and longer before it tries again.
    with grpc.insecure_channel(address, NO_PROXY) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        except grpc.RpcError:
            return False
    return answer.status == health_pb2.HealthCheckResponse.SERVING
