"""A health probe of a gRPC server."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT_S = 1
NO_PROXY = [("grpc.enable_http_proxy", 0)]  # grpcio uses the environment's proxy for local addresses too


def is_serving(address: str) -> bool:
    """Whether the server at HOST:PORT reports SERVING within a second."""
    # Each probe has a new channel: the reconnect delay of an old one grows with each failure.
    with grpc.insecure_channel(address, NO_PROXY) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
