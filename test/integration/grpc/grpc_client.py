"""Calls of a gRPC server by Google's library for Python, with messages as bytes. Runs the scenario that
is named first against a target, and prints what came as JSON. The server waits where it is told to, so
that what comes when is not a matter of time.

    grpc_client.py SCENARIO HOST:PORT [CA.pem]
"""

import base64
import json
import queue
import sys

import grpc

LIMIT = 32 * 1024 * 1024
OPTIONS = [("grpc.max_receive_message_length", LIMIT), ("grpc.max_send_message_length", LIMIT)]
TIMEOUT_S = 20


class Channel:
    def __init__(self, target, ca, *options):
        options = OPTIONS + list(options) + [("grpc.use_local_subchannel_pool", 1)]
        if ca:
            with open(ca, "rb") as file:
                made = grpc.ssl_channel_credentials(file.read())
            self.channel = grpc.secure_channel(target, made, options)
        else:
            self.channel = grpc.insecure_channel(target, options)

    def unary(self, name):
        return self.channel.unary_unary("/test.Test/" + name)

    def server_stream(self, name):
        return self.channel.unary_stream("/test.Test/" + name)

    def client_stream(self, name):
        return self.channel.stream_unary("/test.Test/" + name)

    def bidi(self, name):
        return self.channel.stream_stream("/test.Test/" + name)


def told(error):
    """What a failed call says."""
    return {"code": error.code().name, "details": error.details(),
            "trailers": {key: base64.b64encode(value).decode() if isinstance(value, bytes) else value
                         for key, value in error.trailing_metadata() or ()}}


def pairs(metadata):
    return sorted([key, base64.b64encode(value).decode() if isinstance(value, bytes) else value] for key, value in metadata)


def failing(call):
    try:
        call()
    except grpc.RpcError as error:
        return told(error)
    return "it succeeded"


def await_note(channel, wanted):
    note = channel.unary("Note")
    seen = []
    while wanted not in seen:
        seen.append(note(b"", timeout=TIMEOUT_S).decode())
        if len(seen) > 20000:
            raise SystemExit("never noted %s but %s" % (wanted, sorted(set(seen))))
    return wanted


def unary(channel, other):
    call = channel.unary("Unary")
    return [call(b"hello", timeout=TIMEOUT_S).decode(), call(b"", timeout=TIMEOUT_S).decode(),
            len(call(bytes(range(256)) * 10, timeout=TIMEOUT_S))]


def errors(channel, other):
    many = channel.server_stream("Late")
    seen = []

    def late():
        for message in many(b"one", timeout=TIMEOUT_S):
            seen.append(message.decode())

    return {"fail": failing(lambda: channel.unary("Fail")(b"x", timeout=TIMEOUT_S)), "late": failing(late), "seen": seen}


def raised(channel, other):
    return failing(lambda: channel.unary("Raise")(b"x", timeout=TIMEOUT_S))


def trailers_only(channel, other):
    return failing(lambda: channel.unary("Missing")(b"x", timeout=TIMEOUT_S))


def metadata(channel, other):
    sent = [("sent-bin", b"\x00\xff\xfe" * 20), ("sent", "one"), ("sent", "two")]
    _, call = channel.unary("Meta").with_call(b"x", timeout=TIMEOUT_S, metadata=sent)
    return {"initial": pairs(call.initial_metadata()), "trailing": pairs(call.trailing_metadata())}


def environment(channel, other):
    return json.loads(channel.unary("Env")(b"x", timeout=TIMEOUT_S))


# Behind a first call, so that the deadline is the call's alone and not the handshake's too.
def deadline_of_a_writer(channel, other):
    channel.unary("Unary")(b"first", timeout=TIMEOUT_S)

    def read():
        stream = channel.server_stream("Write")(b"writer", timeout=0.5)
        for _ in stream:
            pass

    return [failing(read)["code"], await_note(other, "writer Hyperion::ClientDisconnected"), other.unary("Unary")(b"next", timeout=TIMEOUT_S).decode()]


def deadline_of_a_reader(channel, other):
    channel.unary("Unary")(b"first", timeout=TIMEOUT_S)

    def write():
        never = queue.Queue()
        list(channel.bidi("Read")(chain(b"reader", never), timeout=0.5))

    return [failing(write)["code"], await_note(other, "reader Hyperion::ClientDisconnected"), other.unary("Unary")(b"next", timeout=TIMEOUT_S).decode()]


def chain(first, rest):
    yield first
    while True:
        message = rest.get()
        if message is None:
            return
        yield message


def cancel(channel, other):
    stream = channel.server_stream("Write")(b"writer", timeout=TIMEOUT_S)
    next(stream)
    stream.cancel()
    reading = queue.Queue()
    bidi = channel.bidi("Read")(chain(b"reader", reading), timeout=TIMEOUT_S)
    next(bidi)
    bidi.cancel()
    reading.put(None)
    return [failing(lambda: next(stream))["code"], await_note(other, "writer Hyperion::ClientDisconnected"),
            await_note(other, "reader Hyperion::ClientDisconnected"), channel.unary("Unary")(b"next", timeout=TIMEOUT_S).decode()]


def large(channel, other):
    size = 4 * 1024 * 1024
    echoed = channel.unary("Unary")(b"0123456789abcdef" * (size // 16), timeout=60)
    made = channel.unary("Large")(str(size).encode(), timeout=60)
    return [len(echoed), echoed == b"0123456789abcdef" * (size // 16), len(made)]


def server_stream(channel, other):
    stream = channel.server_stream("Steps")(b"gate", timeout=TIMEOUT_S)
    seen = [next(stream).decode()]
    other.unary("Open")(b"gate", timeout=TIMEOUT_S)
    return seen + [message.decode() for message in stream]


def many_messages(channel, other):
    return len(list(channel.server_stream("Repeat")(b"1000", timeout=60)))


def paced_messages(channel, other):
    return sum(1 for _ in channel.server_stream("Paced")(b"4000", timeout=60))


def client_stream(channel, other):
    return channel.client_stream("Collect")(iter([b"a", b"", b"c" * 70000]), timeout=TIMEOUT_S).decode()[:6]


def bidi(channel, other):
    asked = queue.Queue()
    stream = channel.bidi("Chat")(chain(b"0", asked), timeout=TIMEOUT_S)
    seen = []
    for turn in range(1, 51):
        seen.append(next(stream).decode())
        asked.put(str(turn).encode() if turn < 50 else None)
    return [seen[0], seen[-1], len(seen), [message.decode() for message in stream]]


def quiz(channel, other):
    answers = queue.Queue()
    seen = []
    stream = channel.bidi("Quiz")(iter(answers.get, None), timeout=TIMEOUT_S)
    for _ in range(3):
        seen.append(next(stream).decode())
        answers.put(seen[-1].replace("?", "!").encode())
    rest = [message.decode() for message in stream]
    answers.put(None)
    return seen + rest + [stream.code().name]


def thousand(channel, other):
    calls = [channel.unary("Unary").future(b"%d" % i, timeout=60) for i in range(1000)]
    return sum(call.result() == b"%d" % i for i, call in enumerate(calls))


def thousand_metadata(channel, other):
    sent = [("x-%d" % i, "v") for i in range(1000)]
    return [failing(lambda: channel.unary("Unary")(b"x", timeout=TIMEOUT_S, metadata=sent)), other.unary("Unary")(b"next", timeout=TIMEOUT_S).decode()]


def main():
    name, target, ca = (sys.argv + [None])[1:4]
    print(json.dumps(globals()[name](Channel(target, ca), Channel(target, ca))), flush=True)


main()
