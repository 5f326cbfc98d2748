"""The shop's own HTTP server, as quickstart runs it: uvicorn with the bridge and all streaming protocols."""

import sys

from core.server.serving import bind, serve

serve(bind("127.0.0.1", int(sys.argv[1])))
