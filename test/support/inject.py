"""inject.py DEVICE: puts the frames of standard input, one a line in hex, on a device; slowly enough to lose none."""

import socket
import sys
import time

with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as device:
    device.bind((sys.argv[1], 0))
    for line in sys.stdin:
        device.send(bytes.fromhex(line))
        time.sleep(0.0005)  # so that nobody's queue on the way overflows
