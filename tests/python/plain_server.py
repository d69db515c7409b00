"""A server of the Open Inference Protocol that says no more than the protocol asks for: no configuration, no index, no
parameters in answers, and statistics only where they are given. Prints its address, and serves until it is ended.

    plain_server.py [STATS]    what /stats answers, in which COUNT is the requests answered until then; none: 404
"""

import http.server
import json
import sys

STATS = sys.argv[1] if len(sys.argv) > 1 else None
MODEL = {"name": "hrnet", "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 4, 4, 3]}],
         "outputs": [{"name": "mask", "datatype": "UINT8", "shape": [-1, 4, 4]}]}
count = 0


class Plain(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, code, body, headers=()):
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        known = {"/v2": {"name": "plain", "version": "1"}, "/v2/health/ready": {}, "/v2/models/hrnet": MODEL}
        if self.path in known:
            self.answer(200, json.dumps(known[self.path]).encode())
        elif self.path == "/v2/models/hrnet/stats" and STATS:
            self.answer(200, STATS.replace("COUNT", str(count)).encode())
        else:
            self.answer(404, b"{}")

    def do_POST(self):
        global count
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/v2/models/hrnet/infer":
            return self.answer(404, b"{}")
        count += 1
        head = json.dumps({"model_name": "hrnet", "outputs": [
            {"name": "mask", "datatype": "UINT8", "shape": [1, 4, 4], "parameters": {"binary_data_size": 16}}]}).encode()
        self.answer(200, head + bytes(16), [("Inference-Header-Content-Length", str(len(head)))])


http.server.ThreadingHTTPServer.request_queue_size = 1024  # with its 5, connections that come together are dropped
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Plain)
print("serving hrnet at http://127.0.0.1:%d" % server.server_address[1], flush=True)
server.serve_forever()
