"""serve-production changed and restarted under load, again and again: is a request lost that it had taken?

    soak_restarts.py BIN RESTARTS CLIENTS    BIN: where serve-production and optimize-batch are; works in a folder of its own

This process plays systemd: it keeps the listening socket, hands it to each server it starts, and hears from it. In turns
it sends SIGHUP with a changed config; restarts as `systemctl restart` does, SIGTERM first and the next server after the
last has ended; and starts the next beside the last, before SIGTERM. Clients send over kept connections meanwhile, one
request after another, each with an id of its own, and take a new connection where the server says so.

A request is *taken* when the server has read its head: from then on it is owed an answer. One that finds its kept
connection closed was never read, and may be sent again (RFC 9112, 9.3.1); whether that is so is not the client's word:
the server's access log must not know its id. Everything else than 200 with the right id is lost. Exit code 1 if one is.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BIN, RESTARTS, CLIENTS = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
PATIENCE_S = 120  # minutes: what takes so long takes for ever
BACKEND = "sim:tau0_ms=1,alpha_ms=0.2"
PATH = "/v2/models/hrnet/infer"
SERVER = ["--config", "config.json", "--drain-seconds", "0.2", "--access-log", "access.log", "--quiet"]
PICTURE = {"name": "image", "datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [1, 2, 3]}


class Manager:
    """The socket, what is heard, and the servers."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        os.dup2(self.listener.fileno(), 3)
        self.port = self.listener.getsockname()[1]
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ear.bind("notify")
        self.ear.settimeout(PATIENCE_S)

    def hear(self, word):
        while word not in self.ear.recv(4096).decode().splitlines():
            pass

    def start(self):
        shell = 'LISTEN_FDS=1 LISTEN_PID=$$ NOTIFY_SOCKET=$PWD/notify exec "$@"'
        server = subprocess.Popen(["/bin/sh", "-c", shell, "sh", os.path.join(BIN, "serve-production")] + SERVER,
                                  pass_fds=[3], stdout=subprocess.DEVNULL)
        self.hear("READY=1")
        return server

    def end(self, server):
        server.send_signal(signal.SIGTERM)
        if server.wait(PATIENCE_S) != 0:
            sys.exit("a server ended with code %d" % server.returncode)


class Client(threading.Thread):
    """Sends one request after another until told to end."""

    def __init__(self, number, port):
        super().__init__(daemon=True)
        self.number, self.port = number, port
        self.answered, self.lost, self.again, self.seconds = 0, [], [], []
        self.connection, self.ends = None, False

    def ask(self, name):
        """None where the kept connection was closed before a byte of an answer came."""
        kept = self.connection is not None
        if not kept:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        body = json.dumps({"id": name, "inputs": [PICTURE], "outputs": [{"name": "mask"}]})
        try:
            self.connection.request("POST", PATH, body, {"X-Request-Id": name})
            answer = self.connection.getresponse()
            text = answer.read()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            self.connection.close()
            self.connection = None
            return None if kept else "a new connection: %r" % error
        if answer.will_close:
            self.connection.close()
            self.connection = None
        if answer.status != 200 or json.loads(text)["id"] != name:
            return "%d %s" % (answer.status, text[:200])
        return ""

    def run(self):
        while not self.ends:
            name, began = "%d-%d" % (self.number, self.answered), time.monotonic()
            try:
                wrong = self.ask(name)
                if wrong is None:
                    self.again.append(name)
                    name += "-again"
                    wrong = self.ask(name)
            except Exception as error:  # whatever it was, the request has no answer
                wrong, self.connection = "%r" % error, None
            if wrong != "":
                self.lost.append("%s: %s" % (name, wrong))
            self.answered += 1
            self.seconds.append(time.monotonic() - began)
            time.sleep(0.001)


def await_load(clients):
    """Each is answered a few times between two changes: then it is under load."""
    wanted, until = [c.answered + 3 for c in clients], time.monotonic() + PATIENCE_S
    while any(c.answered < w for c, w in zip(clients, wanted)):
        if time.monotonic() > until:
            sys.exit("clients hang: " + ", ".join(str(c.answered) for c in clients))
        time.sleep(0.002)


def change(manager, server, number):
    """One change of the kinds above, in turns; returns the server that serves then."""
    shutil.copyfile("%d.json" % (number % 2), "next.json")
    os.replace("next.json", "config.json")
    if number % 3 == 0:
        server.send_signal(signal.SIGHUP)
        manager.hear("RELOADING=1")
        manager.hear("READY=1")
        return server
    if number % 3 == 1:
        manager.end(server)
        return manager.start()
    beside = manager.start()
    manager.end(server)
    return beside


def taken_after_all(names):
    """Of those that were sent again, which the server had read."""
    with open("access.log", encoding="utf-8") as log:
        seen = {json.loads(line)["id"] for line in log}
    return [name for name in names if name in seen]


def main():
    folder = tempfile.TemporaryDirectory(prefix="batchtune-restarts.")
    os.chdir(folder.name)
    for number, sizes in enumerate(("1,2,4", "1,2")):
        subprocess.run([os.path.join(BIN, "optimize-batch"), "--quiet", "--backend", BACKEND, "--models", "hrnet", "--image-size",
                        "64", "--batches", sizes, "--output", "%d.json" % number],
                       check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.copyfile("0.json", "config.json")
    manager = Manager()
    server = manager.start()
    clients = [Client(number, manager.port) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    began = time.monotonic()
    for number in range(RESTARTS):
        await_load(clients)
        server = change(manager, server, number)
    await_load(clients)
    for client in clients:
        client.ends = True
    for client in clients:
        client.join(PATIENCE_S)
    manager.end(server)
    again = [name for c in clients for name in c.again]
    lost = [line for c in clients for line in c.lost] + ["%s: was taken" % name for name in taken_after_all(again)]
    seconds = sorted(s for c in clients for s in c.seconds)
    print("%d changes in %.0f s, every third by SIGHUP: %d requests, %d lost; %d never read and sent again; the longest "
          "took %.2f s, half of them %.1f ms" % (RESTARTS, time.monotonic() - began, len(seconds), len(lost), len(again),
                                                 seconds[-1], 1e3 * seconds[len(seconds) // 2]))
    for line in lost[:20]:
        print("lost: " + line)
    sys.exit(1 if lost else 0)


main()
