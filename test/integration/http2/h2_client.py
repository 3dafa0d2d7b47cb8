"""An HTTP/2 client that a test drives line by line: a JSON command on standard input, JSON events on
standard output. Frames are those of the h2 library, or any bytes at all (`raw`).

Commands: request, data, trailers, reset, ping, window, settings, raw, hold, release, close.
Events: what h2 calls them, with header lists, and bytes as Latin-1 text.
"""

import json
import socket
import ssl
import sys
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

LOCK = threading.RLock()
ROOM = threading.Condition(LOCK)


def say(**event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def connect(options):
    plain = socket.create_connection((options["host"], options["port"]), timeout=30)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not options.get("ca"):
        return plain
    context = ssl.create_default_context(cafile=options["ca"])
    context.set_alpn_protocols(["h2"])
    secure = context.wrap_socket(plain, server_hostname="localhost")
    assert secure.selected_alpn_protocol() == "h2", "ALPN did not choose h2"
    return secure


class Client:
    def __init__(self, options):
        self.socket = connect(options)
        # An SSL object must not be read and written at once; plain sockets may.
        self.socket.settimeout(0.02 if options.get("ca") else None)
        self.held = set()
        self.holds_all = options.get("hold", False)
        lenient = h2.config.H2Configuration(
            client_side=True, header_encoding="latin-1", validate_outbound_headers=False,
            normalize_outbound_headers=False, validate_inbound_headers=True)
        self.h2 = h2.connection.H2Connection(config=lenient)
        wanted = {getattr(h2.settings.SettingCodes, name.upper()): value
                  for name, value in options.get("settings", {}).items()}
        if wanted:
            self.h2.local_settings = h2.settings.Settings(client=True, initial_values=wanted)
        self.h2.initiate_connection()
        if options.get("window"):
            self.h2.increment_flow_control_window(options["window"])
        self.flush()

    def flush(self):
        bytes_ = self.h2.data_to_send()
        while bytes_:
            try:
                with LOCK:
                    sent = self.socket.send(bytes_)
                bytes_ = bytes_[sent:]
            except (socket.timeout, ssl.SSLWantWriteError):
                continue
            except OSError:
                return

    def read_for_ever(self):
        while True:
            try:
                if isinstance(self.socket, ssl.SSLSocket):
                    with LOCK:
                        bytes_ = self.socket.recv(65536)
                else:
                    bytes_ = self.socket.recv(65536)
            except (socket.timeout, ssl.SSLWantReadError):
                continue
            except OSError as error:
                bytes_ = b""
                say(event="SocketError", error=str(error))
            with LOCK:
                if not bytes_:
                    break
                try:
                    for event in self.h2.receive_data(bytes_):
                        self.tell(event)
                except h2.exceptions.ProtocolError as error:
                    say(event="BrokenServer", error=repr(error))
                self.flush()
                ROOM.notify_all()
        say(event="Closed")

    def tell(self, event):
        name = type(event).__name__
        told = {"event": name, "stream": getattr(event, "stream_id", None)}
        if getattr(event, "headers", None) is not None:
            told["headers"] = [list(pair) for pair in event.headers]
        if name == "DataReceived":
            told["data"] = event.data.decode("latin-1")
            if event.flow_controlled_length and not self.holds_all and event.stream_id not in self.held:
                self.h2.increment_flow_control_window(event.flow_controlled_length)
                if event.stream_id in self.h2.streams and not self.h2.streams[event.stream_id].closed:
                    self.h2.increment_flow_control_window(event.flow_controlled_length, event.stream_id)
        if name in ("StreamReset", "ConnectionTerminated"):
            told["code"] = int(event.error_code)
            told["last"] = getattr(event, "last_stream_id", None)
        if name == "RemoteSettingsChanged":
            told["settings"] = {int(code): change.new_value for code, change in event.changed_settings.items()}
        if name in ("PingAckReceived",):
            told["data"] = event.ping_data.decode("latin-1")
        say(**told)

    def request(self, headers, end=True, stream=None, **_):
        stream = stream or self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [tuple(pair) for pair in headers], end_stream=end)
        say(event="Requested", stream=stream)

    def data(self, stream, text="", end=False, repeat=1, **_):
        bytes_ = text.encode("latin-1") * repeat
        try:
            while bytes_:
                size = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(bytes_))
                if size <= 0:
                    ROOM.wait(20)
                    continue
                self.h2.send_data(stream, bytes_[:size])
                bytes_ = bytes_[size:]
                self.flush()
            if end:
                self.h2.end_stream(stream)
        except (h2.exceptions.StreamClosedError, h2.exceptions.NoSuchStreamError, h2.exceptions.ProtocolError) as error:
            say(event="Refused", stream=stream, error=type(error).__name__)

    def trailers(self, stream, headers, **_):
        self.h2.send_headers(stream, [tuple(pair) for pair in headers], end_stream=True)

    def reset(self, stream, code=8, **_):
        self.h2.reset_stream(stream, error_code=code)

    def ping(self, text="12345678", **_):
        self.h2.ping(text.encode("latin-1"))

    def window(self, size, stream=None, **_):
        self.h2.increment_flow_control_window(size, stream)

    def settings(self, values, **_):
        self.h2.update_settings({getattr(h2.settings.SettingCodes, key.upper()): value for key, value in values.items()})

    def raw(self, text, **_):
        self.flush()
        with LOCK:
            self.socket.sendall(text.encode("latin-1"))

    def hold(self, stream=None, **_):
        """Gives no more room for what arrives."""
        if stream:
            self.held.add(stream)
        else:
            self.holds_all = True

    def release(self, **_):
        """Gives room again, for what arrives from now on."""
        self.holds_all = False
        self.held.clear()

    def close(self, **_):
        self.socket.close()
        sys.exit(0)


def main():
    client = Client(json.loads(sys.stdin.readline()))
    threading.Thread(target=client.read_for_ever, daemon=True).start()
    for line in sys.stdin:
        command = json.loads(line)
        with LOCK:
            getattr(client, command.pop("do"))(**command)
            client.flush()


main()
