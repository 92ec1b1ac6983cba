"""An S3 server with the bucket `test`: prints its port, and ends with its standard input."""
import os
import sys
import threading
import urllib.request

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

# One request at a time, so that a conditional write is one step, as in S3.
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app))


def create_bucket():
    # Everybody may read, as on a web server.
    address, headers = f"http://127.0.0.1:{server.server_port}/test", {"x-amz-acl": "public-read"}
    request = urllib.request.Request(address, method="PUT", headers=headers)
    urllib.request.urlopen(request).close()
    print(server.server_port, flush=True)
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=create_bucket, daemon=True).start()
server.serve_forever()
