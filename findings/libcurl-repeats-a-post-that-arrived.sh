#!/usr/bin/env bash
# libcurl sends a POST again where the server had all of it, and gives up where the server cannot have had it.
#
# Guess:     where a server closes a kept connection just as it is used again, libcurl repeats the request on a fresh connection
#            if the server cannot have acted on it, and fails if it may have: a POST is not repeated once all of it was sent.
# Version:   libcurl 8.16.0-DEV of pycurl 7.45.7, CPython 3.11, x86-64 Linux (7.88.1 of Debian 12 does the same).
# Behaviour: the other way round. What counts is whether libcurl meets the end of the connection reading or writing. All of the
#            request sent, then closed without a byte: reading fails, and the POST is sent a second time, to a server that has had
#            it twice then. Closed with a quarter received: writing fails, and the request ends with error 55 (CURLE_SEND_ERROR),
#            though its body can be rewound. Large bodies meet the second case by chance, as often as writing is what notices.
# Seen:      closed when it had all of it: ['answered, sent again']
#            closed while it was sent:     ['error 55, not sent again']
#
# It installs pycurl (5 MB) into a folder of its own, and wants Python 3.11 or newer. It ends with 0 while it behaves so, with 1
# where it does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder PYTHONPATH=$folder/python
python3 -m pip install -q --target "$folder/python" pycurl==7.45.7
cat >"$folder/show.py" <<'PYTHON'
import socket, struct, threading
import pycurl

SIZE, PART, TRIALS = 4 << 20, 1 << 20, 20
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Body:
    """What libcurl reads and sends; it stops for a moment in the middle, until the server has closed."""

    def __init__(self):
        self.at, self.waits = 0, None

    def read(self, size):
        if self.waits and self.at >= 2 * PART:
            waits, self.waits = self.waits, None
            waits()
        size = min(size, SIZE - self.at)
        self.at += size
        return b"\0" * size

    def seek(self, offset, origin):
        self.at = offset
        return pycurl.SEEKFUNC_OK


def take(client, size):
    while size > 0:
        got = client.recv(min(size, 1 << 16))
        if not got:
            return False
        size -= len(got)
    return True


def take_request(client):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        got = client.recv(1)
        if not got:
            return False
        head += got
    return take(client, SIZE)


def serve(listener, closes_while_it_is_sent, may_close, closed, sent_again):
    client, _ = listener.accept()
    take_request(client)
    client.sendall(ANSWER)
    if closes_while_it_is_sent:
        take(client, PART)
        may_close.wait()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    else:
        take_request(client)
    client.close()
    closed.set()
    try:
        client, _ = listener.accept()
    except OSError:
        return
    if take_request(client):
        sent_again.set()
        client.sendall(ANSWER)
    client.close()


def trial(closes_while_it_is_sent):
    listener = socket.create_server(("127.0.0.1", 0))
    may_close, closed, sent_again = threading.Event(), threading.Event(), threading.Event()
    thread = threading.Thread(target=serve, args=(listener, closes_while_it_is_sent, may_close, closed, sent_again))
    thread.start()
    body, easy = Body(), pycurl.Curl()
    easy.setopt(easy.URL, "http://127.0.0.1:%d/" % listener.getsockname()[1])
    easy.setopt(easy.POST, 1)
    easy.setopt(easy.POSTFIELDSIZE_LARGE, SIZE)
    easy.setopt(easy.READFUNCTION, body.read)
    easy.setopt(easy.SEEKFUNCTION, body.seek)
    easy.setopt(easy.HTTPHEADER, ["Expect:"])
    easy.setopt(easy.WRITEFUNCTION, lambda answer: None)
    easy.perform()
    body.at = 0
    if closes_while_it_is_sent:
        body.waits = lambda: (may_close.set(), closed.wait())
    try:
        easy.perform()
        end = "answered"
    except pycurl.error as failure:
        end = "error %d" % failure.args[0]
    listener.shutdown(socket.SHUT_RDWR)
    thread.join()
    listener.close()
    return end + (", sent again" if sent_again.is_set() else ", not sent again")

whole = sorted({trial(False) for _ in range(TRIALS)})
part = sorted({trial(True) for _ in range(TRIALS)})
print("closed when it had all of it:", whole)
print("closed while it was sent:    ", part)
raise SystemExit(whole != ["answered, sent again"] or part != ["error 55, not sent again"])
PYTHON
python3 "$folder/show.py"
