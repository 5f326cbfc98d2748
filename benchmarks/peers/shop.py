"""The shop's own HTTP server, as quickstart runs it: uvicorn, the bridge, and everything that streams."""

import sys

from ecommerce.serving import listen, serve

serve(listen("127.0.0.1", int(sys.argv[1])), workers=1)
