"""Calls examples/grpc.ru: example_client.py HOST:PORT"""

import sys

import grpc

channel = grpc.insecure_channel(sys.argv[1])
echo = "/example.Echo/"

print(channel.unary_unary(echo + "Unary")(b"hi").decode())
print(*(message.decode() for message in channel.unary_stream(echo + "Repeat")(b"hi")))
print(channel.stream_unary(echo + "Collect")(iter([b"a", b"b"])).decode())
print(*(message.decode() for message in channel.stream_stream(echo + "Chat")(iter([b"a", b"b"]))))
for name, message in (("None", b""), ("Unary", b"x" * 5_000_000)):
    try:
        channel.unary_unary(echo + name)(message)
    except grpc.RpcError as error:
        print(error.code().name)
