# stream.py send THERE PORT RATE | stream.py receive HERE PORT: numbered datagrams, so many a second, until a line comes
# on stdin and more than a second's are sent; then each side prints its count. The receiver goes on until it has been quiet
# for a second.
import select, socket, sys, time

role, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
SECONDS_MOST, BURST_MOST = 60, 32
end = time.monotonic() + SECONDS_MOST
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def asked_to_stop():
    return bool(select.select([sys.stdin], [], [], 0)[0]) or time.monotonic() > end


if role == "send":
    rate, sent, began = int(sys.argv[4]), 0, time.monotonic()
    s.connect((address, port))
    print("ready", flush=True)
    while not asked_to_stop() or (sent <= rate and time.monotonic() < end):
        time.sleep(0.001)  # some are due each millisecond; a core that spins would be missing to the tunnel
        due = int((time.monotonic() - began) * rate) - sent
        for _ in range(min(due, BURST_MOST)):
            s.send(sent.to_bytes(4, "big") + b"x" * 60)
            sent += 1
    print(sent, sent / (time.monotonic() - began), flush=True)
else:
    s.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
    s.bind((address, port))
    s.settimeout(1)
    print("ready", flush=True)
    heard, quiet = set(), False
    while not (quiet and asked_to_stop()) and time.monotonic() < end:
        try:
            heard.add(int.from_bytes(s.recv(2048)[:4], "big"))
            quiet = False
        except TimeoutError:
            quiet = True
    print(len(heard), max(heard, default=-1) + 1, flush=True)
