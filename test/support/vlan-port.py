"""Makes a device speak 802.1Q: what leaves it gets the tag of a VLAN, and only frames of that VLAN come in, without it.

This is what a port of a VLAN-aware bridge does, and a kernel without VLAN support can do it too: two eBPF programs at
the device's traffic control. Words: DEVICE VLAN"""
import ctypes, os, struct, subprocess, sys, tempfile

device, vlan = sys.argv[1], int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
BPF, PROG_LOAD, OBJ_PIN, SCHED_CLS = 321, 5, 6, 3
if os.uname().machine == "aarch64":
    BPF = 280
VLAN_PUSH, VLAN_POP, VLAN_TCI = 18, 19, 24


def code(op, dst=0, src=0, offset=0, value=0):
    return struct.pack("<BBhi", op, src << 4 | dst, offset, value)


MOVE, LOAD, AND, SKIP_IF_EQUAL, CALL, EXIT = 0xB7, 0x61, 0x57, 0x15, 0x85, 0x95
PASS, DROP = [code(MOVE, 0, value=0), code(EXIT)], [code(MOVE, 0, value=2), code(EXIT)]
PUSH = [code(MOVE, 2, value=0x0081), code(MOVE, 3, value=vlan), code(CALL, value=VLAN_PUSH), *PASS]
POP = [code(LOAD, 2, 1, VLAN_TCI), code(AND, 2, value=0x0FFF), code(SKIP_IF_EQUAL, 2, offset=2, value=vlan), *DROP, code(CALL, value=VLAN_POP), *PASS]


def bpf(command, words):
    result = libc.syscall(BPF, command, words, len(words))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def load(program):
    room = ctypes.create_string_buffer(b"".join(program))
    licence = ctypes.create_string_buffer(b"GPL")
    words = struct.pack("<IIQQIIQII", SCHED_CLS, len(program), ctypes.addressof(room), ctypes.addressof(licence), 0, 0, 0, 0, 0)
    return bpf(PROG_LOAD, words)


folder = tempfile.mkdtemp()
subprocess.run(["mount", "-t", "bpf", "none", folder], check=True)
try:
    subprocess.run(["tc", "qdisc", "add", "dev", device, "clsact"], check=True)
    for way, program in [("egress", PUSH), ("ingress", POP)]:
        path = ctypes.create_string_buffer(f"{folder}/{way}".encode())
        bpf(OBJ_PIN, struct.pack("<QII", ctypes.addressof(path), load(program), 0))
        subprocess.run(["tc", "filter", "add", "dev", device, way, "bpf", "da", "object-pinned", f"{folder}/{way}"], check=True)
finally:
    subprocess.run(["umount", folder], check=True)
    os.rmdir(folder)
