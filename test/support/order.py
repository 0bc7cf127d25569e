# order.py first|second HERE THERE FLOWS COUNT: UDP flows, each both ways between the same two ports, their datagrams
# numbered. "second" begins on a flow when it has heard the first of it, and so do the flows of "first" turn to where
# the answers come in. Prints how many arrived, and how many of them behind a later one.
import json, random, select, socket, sys, threading, time

role, here, there = sys.argv[1:4]
flows, count = map(int, sys.argv[4:6])
PORT, SECONDS_MOST = 6000, 20
sockets = []
for i in range(flows):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
    s.bind((here, PORT + i))
    s.connect((there, PORT + i))
    sockets.append(s)
heard = [threading.Event() for _ in range(flows)]
last, arrived, late = [-1] * flows, [0] * flows, [0] * flows
done = threading.Event()


def listen():
    poll = select.epoll()
    for i, s in enumerate(sockets):
        s.setblocking(False)
        poll.register(s.fileno(), select.EPOLLIN)
    flow_of = {s.fileno(): i for i, s in enumerate(sockets)}
    end = time.monotonic() + SECONDS_MOST
    quiet = None
    while time.monotonic() < end and not (quiet and time.monotonic() > quiet):
        for fd, _ in poll.poll(0.1):
            i = flow_of[fd]
            try:
                for _ in range(64):
                    number = int.from_bytes(sockets[i].recv(2048)[:4], "big")
                    arrived[i] += 1
                    if number < last[i]:
                        late[i] += 1
                    last[i] = max(last[i], number)
                    heard[i].set()
            except OSError:
                pass
            quiet = None
        if done.is_set() and quiet is None:
            quiet = time.monotonic() + 1


print("ready", flush=True)
sys.stdin.readline()
listener = threading.Thread(target=listen)
listener.start()
filler = b"x" * 200
going = list(range(flows)) if role == "first" else []
waiting = [] if role == "first" else list(range(flows))
sent = [0] * flows
end = time.monotonic() + SECONDS_MOST
while (going or waiting) and time.monotonic() < end:
    for i in [i for i in waiting if heard[i].is_set()]:
        waiting.remove(i)
        going.append(i)
    if not going:
        time.sleep(0.001)  # leaves the core to those who send and carry
    for i in list(going):
        # bursts, so that there is a queue to be overtaken in
        for _ in range(random.randint(1, 64)):
            try:
                sockets[i].send(sent[i].to_bytes(4, "big") + filler)
                sent[i] += 1
            except OSError:
                break
        if sent[i] >= count:
            going.remove(i)
done.set()
listener.join()
print(json.dumps({"arrived": sum(arrived), "flows": sum(1 for n in arrived if n > 0), "late": sum(late), "lateFlows": sum(1 for n in late if n > 0)}), flush=True)
