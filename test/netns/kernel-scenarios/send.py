"""send.py DEVICE TIMES FRAME...: sends frames, in hex, out of a device.
send.py ADDRESS PORT TOS TTL PAYLOAD...: sends datagrams, in hex, with that TOS or traffic class and TTL."""

import socket
import sys

where, number, *rest = sys.argv[1:]
if "." in where or ":" in where:
    tos, ttl, *payloads = rest
    v6 = ":" in where
    opened = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
    level, words = (socket.IPPROTO_IPV6, (67, 16)) if v6 else (socket.IPPROTO_IP, (1, 2))
    for word, value in zip(words, (tos, ttl)):
        opened.setsockopt(level, word, int(value, 0))
    for payload in payloads:
        opened.sendto(bytes.fromhex(payload), (where, int(number)))
else:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    opened.bind((where, 0))
    for _ in range(int(number)):
        for frame in rest:
            opened.send(bytes.fromhex(frame))
