"""A stand-in for the Langfuse server, in memory and on the loopback only: the best case for its SDKs.

The real server adds a network, authentication, Redis, PostgreSQL and ClickHouse. usage: stub_langfuse.py PROMPTS.json
"""

import json
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROMPTS = json.load(open(sys.argv[1]))


class Stub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        name = urllib.parse.unquote(path.rsplit("/", 1)[-1])
        text = PROMPTS.get(name)
        if text is None:
            return self.answer(404, {"message": "Prompt not found", "error": "LangfuseNotFoundError"})
        now = "2026-01-01T00:00:00.000Z"
        self.answer(200, {
            "type": "text", "id": name, "name": name, "version": 1, "prompt": text, "config": {}, "labels": ["production"],
            "tags": [], "commitMessage": None, "createdAt": now, "updatedAt": now, "projectId": "p", "createdBy": "API",
            "resolutionGraph": None,
        })

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(200, {})

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
print(server.server_address[1], flush=True)
server.serve_forever()
