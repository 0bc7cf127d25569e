# transfer.py listen|listen-slowly|send tcp|udp ADDRESS PORT SIZE COUNT RATE: random bytes over the network; both sides print their sha256.
import hashlib, os, socket, sys, time

role, protocol, address = sys.argv[1:4]
port, size, count, rate = map(int, sys.argv[4:8])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
digest = hashlib.sha256()
s = socket.socket(family, kind)
s.settimeout(30)


def listen_tcp(slowly=False):
    if slowly:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.listen(1)
    print("listening", flush=True)
    peer, _ = s.accept()
    peer.settimeout(30)
    while chunk := peer.recv(16384 if slowly else 1 << 20):
        digest.update(chunk)
        if slowly:
            time.sleep(0.001)  # this is what is slow about it


def send_tcp():
    if rate > 0:
        s.setsockopt(socket.SOL_SOCKET, 47, rate)  # SO_MAX_PACING_RATE
    s.connect((address, port))
    block = os.urandom(1 << 20)
    left = size
    while left > 0:
        part = block[: min(left, len(block))]
        digest.update(part)
        s.sendall(part)
        left -= len(part)
        block = block[4096:] + block[:4096]
    s.close()


# One datagram at a time, each answered: what is lost shows as a timeout, not as luck.
def listen_udp():
    s.bind((address, port))
    print("listening", flush=True)
    for _ in range(count):
        datagram, sender = s.recvfrom(65536)
        digest.update(datagram)
        s.sendto(b"ok", sender)


def send_udp():
    s.settimeout(5)
    for _ in range(count):
        datagram = os.urandom(size)
        digest.update(datagram)
        s.sendto(datagram, (address, port))
        s.recvfrom(16)


roles = {
    "listen": {"tcp": listen_tcp, "udp": listen_udp},
    "listen-slowly": {"tcp": lambda: listen_tcp(slowly=True)},
    "send": {"tcp": send_tcp, "udp": send_udp},
}
roles[role][protocol]()
print(digest.hexdigest(), flush=True)
