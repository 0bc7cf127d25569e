"""probe.py END: puts frames into both sides of a link vx0 and tells what comes of them.

    this namespace [ vx0 | eth0 ] ---- eth0 [ namespace END ]

A line of JSON asks: {"into": "vx0" or "eth0", "frames": [...], "mark": "..."} in hex; {"events": true} takes what was told of the
table. The mark is sent behind the frames, twice one after the other: when it has come through, so have they.
"""

import ctypes
import json
import os
import select
import socket
import struct
import sys

NOT_TO_US = 4  # PACKET_OUTGOING
NEIGHBOURS = 4  # the multicast group of RTNLGRP_NEIGH, as a bit
BRIDGE = 7
VERBS = {28: "new", 29: "del", 30: "miss"}
libc = ctypes.CDLL(None, use_errno=True)


def device(name):
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    opened.bind((name, 3))
    opened.setblocking(False)
    return opened


def device_of(netns, name):
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + netns, os.O_RDONLY)
    if libc.setns(there, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    opened = device(name)
    libc.setns(here, 0)
    os.close(there)
    os.close(here)
    return opened


def take(opened, seen):
    while True:
        try:
            data, where = opened.recvfrom(1 << 17)
        except BlockingIOError:
            return
        if where[2] != NOT_TO_US:
            seen.append(data)


def carry(ends, into, frames, mark):
    """The mark may overtake frames of its own batch, but no batch another: hence the second one."""
    seen = {name: [] for name in ends}
    out = "eth0" if into == "vx0" else "vx0"
    for frame in frames:
        ends[into].send(frame)
        for name in ends:
            take(ends[name], seen[name])
    for time in (1, 2):
        ends[into].send(mark)
        while sum(mark[-24:] in each for each in seen[out]) < time:
            if not select.select([ends[out]], [], [], 10)[0]:
                return {"error": "the mark did not come through"}
            take(ends[out], seen[out])
    for name in ends:
        take(ends[name], seen[name])
    return {name: [each.hex() for each in seen[name] if mark[-24:] not in each] for name in ends}


def told(asked):
    events = []
    while True:
        try:
            message = asked.recv(1 << 16)
        except BlockingIOError:
            return events
        while len(message) >= 16:
            length, kind = struct.unpack_from("=IH", message)
            if kind in VERBS:
                events.append(event(VERBS[kind], message[16:length]))
            message = message[(length + 3) & ~3:]


def event(verb, body):
    family, _, state = struct.unpack_from("=BxxxiH", body)[0:3]
    found = {"verb": verb, "bridge": family == BRIDGE, "state": state}
    at = 12
    while at + 4 <= len(body):
        size, which = struct.unpack_from("=HH", body, at)
        if which == 1:
            found["dst"] = body[at + 4:at + size].hex()
        if which == 2:
            found["mac"] = body[at + 4:at + size].hex(":")
        at += (size + 3) & ~3
    return found


def main():
    asked = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    asked.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    asked.bind((0, NEIGHBOURS))
    asked.setblocking(False)
    outside = device_of(sys.argv[1], "eth0")
    for line in sys.stdin:
        request = json.loads(line)
        if "events" in request:
            answer = told(asked)
        else:
            take(outside, [])
            with device("vx0") as inside:
                frames = [bytes.fromhex(each) for each in request["frames"]]
                answer = carry({"vx0": inside, "eth0": outside}, request["into"], frames, bytes.fromhex(request["mark"]))
        print(json.dumps(answer), flush=True)


main()
