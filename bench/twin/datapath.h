/*
 * The two journeys in C (datapath/encap.ts, decap.ts, proxy.ts) with the wire formats, batches and tables that they
 * need: plain functions over globals, as a C program of this size would have them.
 */
#include "table.h"

enum { FRAMES = 256, BATCH = 64, QUEUE = 1024, SLOT_BYTES = 68 * 1024 + 64, HEADROOM = 64, VXLAN = 8, ETHERNET = 14 };
enum { LINK = 1, ENDPOINT = 0x40000 | 4789, PORT = 4789, NOW = 1, REMOTES = 4096, REMOTE_WORDS = 8, LONGEST = 65499,
       NOWHERE = -1 };
enum { LEARNING = 1, PROXY = 2, SUPPRESS = 4, STRICT = 8, SHORT_CIRCUIT = 64, UNTAGGED = 128 | 256 };
enum { LEARNED = 1, STATIC = 2, PERMANENT = 4 };
enum { EVENTS = 4096, EVENT_WORDS = 8, EVENT_LEARN = 1, EVENT_L2MISS = 4, EVENT_L3MISS = 5 };

enum counter {
  RX_FRAMES, RX_BYTES, TX_FRAMES, TX_BYTES, SHORT, NO_VNI, UNKNOWN_VNI, RESERVED, OWN, BAD_SOURCE, ELSEWHERE,
  FRAME_SHORT, FRAME_LONG, BAD_OFFLOAD, NO_DESTINATION, UNANSWERED, ANSWERED, FLOODED, TABLE_FULL, INNER_VLAN,
  CONGESTED, COUNTERS
};

/* memory/batch.ts: columns, not records */
struct batch {
  int32_t count, slot[QUEUE], start[QUEUE], length[QUEUE], target[QUEUE], flow[QUEUE];
  int32_t from[4][QUEUE], from_port[QUEUE], tos[QUEUE], vnet[3 * QUEUE];
};

static uint8_t *slab;
static struct batch received, outbound, inbound;
static struct table fdb, neighbors, links, own, remote_index;
static struct { int32_t vni, flags, mac_high, mac_low, addresses, max_addresses, path_mtu; } link_of[2];
static int32_t remotes[REMOTES * REMOTE_WORDS], references[REMOTES], remotes_made, flood_heads[2], floods[16];
static double counters[2][COUNTERS], remote_frames[REMOTES];
static uint8_t own_ports[65536];
static struct { int32_t head, tail, lost, asleep, lock, words[EVENTS * EVENT_WORDS]; } events;

static inline uint32_t read32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return __builtin_bswap32(v);
}
static inline uint32_t read16(const uint8_t *p) {
  uint16_t v;
  memcpy(&v, p, 2);
  return __builtin_bswap16(v);
}
static inline void write32(uint8_t *p, uint32_t v) {
  v = __builtin_bswap32(v);
  memcpy(p, &v, 4);
}
static inline void write16(uint8_t *p, uint32_t v) {
  uint16_t w = __builtin_bswap16((uint16_t)v);
  memcpy(p, &w, 2);
}

/* A port that swallows everything. The compiler must believe that somebody reads it. */
static uint32_t digest, digesting;
static __attribute__((noinline)) void swallow(struct batch *b) {
  __asm__ volatile("" : : "r"(b), "r"(slab) : "memory");
  for (int32_t i = 0; digesting && i < b->count; i++) {
    const uint8_t *at = slab + (size_t)b->slot[i] * SLOT_BYTES + b->start[i];
    const uint32_t words[] = {(uint32_t)b->slot[i], (uint32_t)b->start[i], (uint32_t)b->length[i], (uint32_t)b->target[i],
                              (uint32_t)b->flow[i], read32(at), read32(at + 4)};
    for (int k = 0; k < 7; k++) digest = (digest ^ words[k]) * 0x01000193;
  }
  b->count = 0;
}

/* wire/flow.ts */
static inline uint32_t mix(uint32_t h, uint32_t word) {
  uint32_t product = (h ^ word) * 0x9e3779b1;
  return product ^ product >> 15;
}
static inline uint32_t finish(uint32_t h) {
  h = (h ^ h >> 16) * 0x85ebca6b;
  h = (h ^ h >> 13) * 0xc2b2ae35;
  return h ^ h >> 16;
}
static inline uint32_t hash_ipv4(const uint8_t *ip, const uint8_t *end) {
  uint32_t protocol = ip[9], h = mix(mix(protocol, read32(ip + 12)), read32(ip + 16));
  int32_t header = (ip[0] & 15) * 4;
  if (header < 20 || read16(ip + 6) & 0x3fff) return finish(h);
  bool ports = protocol == 6 || protocol == 17 || protocol == 132;
  return finish(ports && ip + header + 4 <= end ? mix(h, read32(ip + header)) : h);
}
/* The streams have no tags and no IPv6. */
static uint32_t flow_hash(const uint8_t *f, int32_t length) {
  const uint8_t *end = f + length;
  if (length >= ETHERNET + 20 && read32(f + 12) >> 8 == 0x080045) return hash_ipv4(f + ETHERNET, end);
  if (length < ETHERNET) return 0;
  uint32_t type = read16(f + 12);
  if (type == 0x8100 || type == 0x88a8 || type == 0x86dd) return 0;
  if (type == 0x0800 && length >= ETHERNET + 20 && f[14] >> 4 == 4) return hash_ipv4(f + ETHERNET, end);
  return finish(mix(mix(mix(type, read32(f)), read32(f + 4)), read32(f + 8)));
}

/* tables/remotes.ts */
static int32_t acquire(const int32_t *address) {
  const int32_t key[] = {address[0], address[1], address[2], address[3], LINK << 16 | PORT, link_of[LINK].vni};
  int32_t at = find(&remote_index, key);
  if (at < 0) {
    int32_t remote = remotes_made++;
    at = insert(&remote_index, key);
    remote_index.words[at + 6] = remote + 1;
    memcpy(remotes + remote * REMOTE_WORDS, (const int32_t[]){key[0], key[1], key[2], key[3], PORT, key[5], LINK, 0}, 32);
  }
  int32_t remote = remote_index.words[at + 6] - 1;
  for (;;) {
    int32_t held = __atomic_load_n(&references[remote], __ATOMIC_SEQ_CST);
    if (__atomic_compare_exchange_n(&references[remote], &held, held + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
      return remote;
  }
}

/* tables/events.ts */
static void push_event(int32_t kind, int32_t high, int32_t low, int32_t w0, int32_t w2, int32_t w3) {
  int32_t open = 0;
  if (!__atomic_compare_exchange_n(&events.lock, &open, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ||
      events.head - __atomic_load_n(&events.tail, __ATOMIC_SEQ_CST) >= EVENTS) {
    __atomic_store_n(&events.lock, 0, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&events.lost, 1, __ATOMIC_SEQ_CST);
    return;
  }
  int32_t *words = events.words + events.head % EVENTS * EVENT_WORDS;
  words[0] = kind, words[1] = LINK, words[2] = high, words[3] = low;
  words[4] = w0, words[5] = 0, words[6] = w2, words[7] = w3;
  __atomic_store_n(&events.head, events.head + 1, __ATOMIC_SEQ_CST);
  __atomic_store_n(&events.lock, 0, __ATOMIC_SEQ_CST);
  __atomic_exchange_n(&events.asleep, 0, __ATOMIC_SEQ_CST);
}

/* datapath/encap.ts */
static inline void queue_to(struct batch *b, int32_t i, int32_t shift, int32_t target, uint32_t flow) {
  if (b->count == QUEUE) swallow(b);
  int32_t item = b->count++;
  b->slot[item] = received.slot[i];
  b->start[item] = received.start[i] + shift;
  b->length[item] = received.length[i] - shift;
  b->target[item] = target;
  b->flow[item] = (int32_t)flow;
  b->vnet[3 * item] = 0;
  if (received.vnet[3 * i] != 0) memcpy(b->vnet + 3 * item, received.vnet + 3 * i, 12);
}

static inline void send_to(int32_t i, int32_t remote, uint32_t flow) {
  remote_frames[remote]++;
  queue_to(&outbound, i, -VXLAN, remote, flow);
}

static inline void write_header(uint8_t *p, int32_t vni) { write32(p, 0x08000000), write32(p + 4, (uint32_t)vni << 8); }

static bool answer_arp(int32_t i, uint8_t *f) {
  static const uint8_t ethernet_ipv4[] = {0, 1, 8, 0, 6, 4};
  if (received.length[i] < 42 || read16(f + 12) != 0x0806) return false;
  uint32_t ip = read32(f + 38);
  bool asked = memcmp(f + 14, ethernet_ipv4, 6) == 0 && read16(f + 20) == 1 && ip >> 24 != 127 && ip >> 28 != 14;
  if (asked) {
    const int32_t key[] = {0, 0, 0xffff, (int32_t)ip, LINK};
    int32_t neighbor = find(&neighbors, key);
    if (neighbor >= 0) {
      uint32_t high = neighbors.words[neighbor + 5] & 0xffff, low = (uint32_t)neighbors.words[neighbor + 6];
      write16(f + 20, 2);
      memcpy(f + 32, f + 22, 10);
      write16(f + 22, high), write32(f + 24, low), write32(f + 28, ip);
      memcpy(f, f + 6, 6);
      write16(f + 6, high), write32(f + 8, low);
      counters[LINK][ANSWERED]++;
      queue_to(&inbound, i, 0, LINK, 0);
      return true;
    }
    push_event(EVENT_L3MISS, 0, 0, 0, 0xffff, (int32_t)ip);
  }
  if (!(link_of[LINK].flags & PROXY)) return false;
  counters[LINK][UNANSWERED]++;
  return true;
}

static void flood(int32_t i, uint8_t *f, int32_t list, uint32_t hash) {
  const int32_t *run = floods + flood_heads[list];
  if (run[0] == 0) {
    if (!(f[0] & 1)) push_event(EVENT_L2MISS, (int32_t)read16(f), (int32_t)read32(f + 2), 0, 0, 0);
    counters[LINK][NO_DESTINATION]++;
    return;
  }
  counters[LINK][FLOODED]++;
  int32_t vni = -1;
  for (int32_t k = 1; k <= run[0]; k++) {
    int32_t its = remotes[run[k] * REMOTE_WORDS + 5];
    if (vni != its) {
      if (vni >= 0) swallow(&outbound);
      write_header(f - VXLAN, vni = its);
    }
    send_to(i, run[k], hash);
  }
}

static enum counter unfit(int32_t i, int32_t longest) {
  int32_t length = received.length[i], offload = received.vnet[3 * i];
  if (length < ETHERNET) return FRAME_SHORT;
  if (offload == 0) return length > longest ? FRAME_LONG : COUNTERS;
  return offload & 0xff00 ? COUNTERS : BAD_OFFLOAD;
}

/* tables/fdb.ts: the entry's remote, or `~list`, or NOWHERE */
static inline int32_t look_up(int32_t k0, int32_t k1) {
  for (;;) {
    int32_t entry = find2(&fdb, k0, k1);
    if (entry < 0) return NOWHERE;
    int32_t remote = fdb.words[entry + 2] >> 8;
    if (!is_still(&fdb)) continue;
    if (fdb.words[entry + 4] != NOW) fdb.words[entry + 4] = NOW;
    return remote;
  }
}

static void encap(void) {
  double bytes = 0;
  int32_t wishes = link_of[LINK].flags & (PROXY | SUPPRESS | UNTAGGED | SHORT_CIRCUIT);
  int32_t path_mtu = link_of[LINK].path_mtu;
  int32_t longest = path_mtu == 0 || path_mtu + ETHERNET > LONGEST ? LONGEST : path_mtu + ETHERNET;
  for (int32_t i = 0; i < received.count; i++) {
    uint8_t *f = slab + (size_t)received.slot[i] * SLOT_BYTES + received.start[i];
    bytes += received.length[i];
    enum counter reason = unfit(i, longest);
    if (reason != COUNTERS) {
      counters[LINK][reason]++;
      continue;
    }
    if (wishes && answer_arp(i, f)) continue;
    uint32_t hash = flow_hash(f, received.length[i]);
    int32_t remote = look_up((int32_t)(LINK << 16 | read16(f)), (int32_t)read32(f + 2));
    if (remote >= 0) {
      write_header(f - VXLAN, remotes[remote * REMOTE_WORDS + 5]);
      send_to(i, remote, hash);
    } else flood(i, f, remote == NOWHERE ? LINK : ~remote, hash);
  }
  counters[LINK][TX_FRAMES] += received.count;
  counters[LINK][TX_BYTES] += bytes;
}

/* datapath/decap.ts */
static bool learn(int32_t i, int32_t k0, int32_t k1) {
  if (__atomic_add_fetch(&link_of[LINK].addresses, 1, __ATOMIC_SEQ_CST) > link_of[LINK].max_addresses) return false;
  const int32_t address[] = {received.from[0][i], received.from[1][i], received.from[2][i], received.from[3][i]};
  const int32_t key[] = {k0, k1};
  int32_t remote = acquire(address);
  if (!try_lock(&fdb)) return false;
  int32_t entry = find2(&fdb, k0, k1) < 0 ? insert(&fdb, key) : -1;
  if (entry >= 0) fdb.words[entry + 2] = remote << 8 | LEARNED, fdb.words[entry + 3] = fdb.words[entry + 4] = NOW;
  unlock(&fdb);
  if (entry >= 0) push_event(EVENT_LEARN, k0 & 0xffff, k1, remote, 0, 0);
  return entry >= 0;
}

static enum counter check_source(int32_t i, const uint8_t *f) {
  int32_t high = (int32_t)read16(f + 6), low = (int32_t)read32(f + 8);
  if (high & 0x0100 || (high == 0 && low == 0)) return BAD_SOURCE;
  if (high == link_of[LINK].mac_high && low == link_of[LINK].mac_low) return OWN;
  if (!(link_of[LINK].flags & LEARNING)) return COUNTERS;
  int32_t entry = find2(&fdb, LINK << 16 | high, low);
  if (entry < 0) {
    if (!learn(i, LINK << 16 | high, low)) counters[LINK][TABLE_FULL]++;
    return COUNTERS;
  }
  uint32_t known = (uint32_t)fdb.words[entry + 2];
  if (!is_still(&fdb)) return check_source(i, f);
  const int32_t *r = remotes + (known >> 8) * REMOTE_WORDS;
  if (r[3] != received.from[3][i] || r[2] != received.from[2][i] || r[1] != received.from[1][i] ||
      r[0] != received.from[0][i])
    return ELSEWHERE;
  if (fdb.words[entry + 3] != NOW) fdb.words[entry + 3] = NOW;
  return COUNTERS;
}

static bool is_tag(uint32_t type) { return type == 0x8100 || type == 0x88a8; }

static bool is_own(int32_t i) {
  if (!own_ports[received.from_port[i]]) return false;
  const int32_t key[] = {received.from[0][i], received.from[1][i], received.from[2][i], received.from[3][i]};
  return find(&own, key) >= 0;
}

static void decap(void) {
  int32_t vni = -1, link = 0;
  for (int32_t i = 0; i < received.count; i++) {
    uint8_t *d = slab + (size_t)received.slot[i] * SLOT_BYTES + received.start[i];
    enum counter reason = COUNTERS;
    if (received.length[i] < VXLAN + ETHERNET) reason = SHORT;
    else if (!(d[0] & 8)) reason = NO_VNI;
    if (reason != COUNTERS) {
      counters[0][reason]++;
      continue;
    }
    if (vni != (int32_t)(read32(d + 4) >> 8)) {
      vni = (int32_t)(read32(d + 4) >> 8);
      int32_t found = find2(&links, ENDPOINT, vni);
      link = found < 0 ? 0 : links.words[found + 2];
    }
    if (link == 0) {
      counters[0][UNKNOWN_VNI]++;
      continue;
    }
    if ((read32(d) & ~0x08000000u) != 0 || d[7] != 0) {
      counters[link][RESERVED]++;
      if (link_of[link].flags & STRICT) continue;
    }
    if (is_own(i)) reason = OWN;
    else if (link_of[link].flags & UNTAGGED && is_tag(read16(d + VXLAN + 12))) reason = INNER_VLAN;
    else reason = check_source(i, d + VXLAN);
    // no stream has marks and no row's link snoops: what would follow is not here
    if (reason == COUNTERS && (received.tos[i] & 1 || link_of[link].flags & SUPPRESS)) reason = CONGESTED;
    if (reason != COUNTERS) {
      counters[link][reason]++;
      continue;
    }
    counters[link][RX_FRAMES]++;
    counters[link][RX_BYTES] += received.length[i] - VXLAN;
    queue_to(&inbound, i, VXLAN, link, 0);
  }
}
