/** Endpoints that are no etcd, or one that has gone mad: a sentence each time, in time, and no memory without end. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { EtcdRegistry } from '../../../../src/flannel/registry/etcd/registry.ts';
import { RegistryError } from '../../../../src/flannel/registry/registry.ts';
import { type Asked, FakeGateway, json, kvOf } from '../../../support/fake-gateway.ts';
import { Followed } from '../../../support/registry-contract.ts';
import { waitFor } from '../../../support/wait-for.ts';

const PREFIX = '/n';
const closing: { close(): void }[] = [];
afterEach(() => {
  for (const each of closing.splice(0)) each.close();
});

function registryOf(gateway: FakeGateway, limit = 10_000): EtcdRegistry {
  const times = { beat: 100, grace: 200 };
  const registry = new EtcdRegistry({ endpoints: [gateway.url], prefix: PREFIX, limit, times });
  closing.push(registry, gateway);
  return registry;
}

async function complaint(gateway: FakeGateway, limit?: number): Promise<string> {
  const error = await registryOf(gateway, limit)
    .read()
    .catch((reason) => reason);
  expect(error).toBeInstanceOf(RegistryError);
  return error.message.replace(`etcd at ${gateway.url}: `, '');
}

const says =
  (text: string, status = 200) =>
  (_: Asked, response: ServerResponse) => {
    response.writeHead(status).end(text);
  };
const header = (revision: number) => ({ revision: String(revision) });
const NO_ETCD = 'what it answers is not what etcd would: ';

/** Writes this for ever, as fast as it is taken, or now and then. */
function forEver(stream: Socket | ServerResponse, text: string, pause = 0): void {
  const timer = setInterval(() => {
    if (stream.destroyed) clearInterval(timer);
    else if (stream.writableLength < 1 << 20) stream.write(text);
  }, pause);
}

describe('an answer', () => {
  it.each([
    ['a page', '<html>', 200, 'what answers there is no etcd: HTTP status 200, and no JSON'],
    ['nothing', '', 404, 'what answers there is no etcd: HTTP status 404, and no JSON'],
    ['a list', '[1]', 200, 'what answers there is no etcd: HTTP status 200, and no JSON'],
    [
      'that one of TLS',
      'Client sent an HTTP request to an HTTPS server.\n',
      400,
      'it speaks TLS: is it https://?',
    ],
    ['half of an object', '{"header":', 200, `${NO_ETCD}it is no JSON`],
    ['no revision', '{"header":{"revision":"x"}}', 200, `${NO_ETCD}a number is none, or too large`],
    [
      'a large revision',
      '{"header":{"revision":"9007199254740993"}}',
      200,
      `${NO_ETCD}a number is none, or too large`,
    ],
    ['a list that is none', '{"kvs":5}', 200, `${NO_ETCD}a list is missing`],
    ['a key that is none', '{"kvs":[{"key":5}]}', 200, `${NO_ETCD}a text is missing`],
    ['an object that is none', '{"header":[]}', 200, `${NO_ETCD}an object is missing`],
    ['an error without words', '{}', 500, 'it says "HTTP status 500"'],
    ['an error in colors', '{"error":"\\u001b[31mno\\nway","code":9}', 400, 'it says "[31mno way"'],
    ['a leader that is away', '{"error":"no leader","code":14}', 503, 'it says "no leader"'],
  ])('that is %s', async (_, text, status, sentence) => {
    expect(await complaint(await FakeGateway.start(says(text, status)))).toBe(sentence);
  });

  it('of a thousand letters is cut', async () => {
    const gateway = await FakeGateway.start(says(JSON.stringify({ error: 'x'.repeat(1000) }), 400));
    expect((await complaint(gateway)).length).toBeLessThan(250);
  });

  it.each([
    [
      'another protocol',
      (socket: Socket) => void socket.write('SSH-2.0-OpenSSH_9.2\r\n'),
      'no etcd (HPE_INVALID_CONSTANT)',
    ],
    [
      'headers without end',
      (socket: Socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        forEver(socket, 'x-more: and more\r\n'.repeat(100));
      },
      'no etcd (HPE_HEADER_OVERFLOW)',
    ],
    [
      'an end before the answer',
      (socket: Socket) => void socket.end(),
      'the connection was broken off: is it https://? (ECONNRESET)',
    ],
    [
      'an end in the middle of it',
      (socket: Socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"header":'),
      'the connection was broken off: is it https://? (ECONNRESET)',
    ],
  ])('that is %s', async (_, answer, sentence) => {
    expect(await complaint(await FakeGateway.raw(answer))).toContain(sentence);
  });

  it('that does not come, or comes drop by drop, is not waited for', async () => {
    const silent = await FakeGateway.start(() => {});
    expect(await complaint(silent, 300)).toBe('no answer within 0.3 s (ETIMEDOUT)');
    const slow = await FakeGateway.raw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n{');
      forEver(socket, ' ', 20);
    });
    expect(await complaint(slow, 300)).toBe('no answer within 0.3 s (ETIMEDOUT)');
  });

  it('without end is broken off', async () => {
    const gateway = await FakeGateway.start((_, response) => {
      response.writeHead(200);
      forEver(response, 'x'.repeat(1 << 18));
    });
    expect(await complaint(gateway)).toBe('it answers with more than 1048576 bytes (EMSGSIZE)');
  });
});

describe('a list of keys', () => {
  it.each([
    ['the same page', () => kvOf('/n/a', 'x', 1)],
    ['nothing', () => undefined],
  ])('that goes on for ever with %s is given up', async (_, kv) => {
    const gateway = await FakeGateway.start((_asked, response) => {
      json(response, { header: header(5), kvs: [kv()].filter(Boolean), more: true });
    });
    expect(await complaint(gateway)).toBe('its keys have no end');
    expect(gateway.asked.length).toBeLessThan(5);
  });

  it('is read at one revision, and from the beginning when that was compacted meanwhile', async () => {
    const compacted = { error: 'etcdserver: mvcc: required revision has been compacted', code: 11 };
    const gateway = await FakeGateway.start(({ body }, response) => {
      const isFirst = body.revision === undefined;
      const kvs = [kvOf(isFirst ? '/n/config' : '/n/subnets/k', 'x', 3)];
      if (isFirst) json(response, { header: header(4 + gateway.asked.length), kvs, more: true });
      else if (body.revision === '5') json(response, compacted, 400);
      else json(response, { header: header(99), kvs });
    });
    expect(await registryOf(gateway).read()).toEqual({
      revision: 7,
      config: 'x',
      entries: [{ key: 'k', value: 'x', revision: 3 }],
    });
    const starts = gateway.asked.map(({ body }) => [
      body.revision,
      Buffer.from(`${body.key}`, 'base64').toString(),
    ]);
    expect(starts).toEqual([
      [undefined, '/n/'],
      ['5', '/n/config\0'],
      [undefined, '/n/'],
      ['7', '/n/config\0'],
    ]);
  });

  it('that is compacted again and again is given up', async () => {
    const gateway = await FakeGateway.start(says('{"error":"required revision has been compacted"}', 400));
    expect(await complaint(gateway)).toContain('has been compacted');
    expect(gateway.asked.length).toBe(3);
  });

  it.each([
    ['too large', (response: ServerResponse) => void response.end(`{"kvs":"${'x'.repeat(9e6)}"}`)],
    ['too slow', () => {}],
  ])(
    'in pages that are %s is asked for in smaller ones, and a value that is so is left out',
    async (_, refuse) => {
      const keys = Array.from({ length: 30 }, (_, i) => `/n/subnets/${String(i).padStart(2, '0')}`);
      const gateway = await FakeGateway.start(({ body }, response) => {
        if (body.count_only) return json(response, { header: header(50) });
        const from = Buffer.from(`${body.key}`, 'base64').toString();
        const rest = keys.filter((key) => key >= from);
        const page = rest.slice(0, Number(body.limit));
        if (page.includes(keys[17]) && !body.keys_only) return refuse(response);
        const kvs = page.map((key) => kvOf(key, body.keys_only ? '' : 'x', 3));
        json(response, { header: header(50), kvs, more: rest.length > page.length });
      });
      const { entries } = await registryOf(gateway, 500).read();
      expect(entries).toEqual(
        keys.map((key, i) => ({ key: key.slice(-2), value: i === 17 ? undefined : 'x', revision: 3 })),
      );
    },
  );
});

describe('a watch', () => {
  const created = { result: { header: header(5), created: true } };
  const put = (key: string, value: string, revision: number) => ({ kv: kvOf(`/n/${key}`, value, revision) });
  const events = (...list: object[]) => ({ result: { header: header(9), events: list } });
  const EVENT = events(put('config', 'x', 6));

  /** All other questions are answered as by an etcd in which nothing happens. */
  async function watched(answer: (response: ServerResponse) => void) {
    const gateway = await FakeGateway.start(({ path }, response) => {
      if (path === 'watch') answer(response);
      else json(response, { header: header(5) });
    });
    const followed = new Followed();
    const watching = registryOf(gateway).watch(5, followed);
    return { gateway, followed, watching };
  }

  it.each([
    ['that is no JSON', ['{"result":'], `${NO_ETCD}it is no JSON`],
    ['whose events are no list', ['{"result":{"events":{}}}'], `${NO_ETCD}a list is missing`],
    ['about the past', [JSON.stringify(events(put('config', 'x', 5)))], 'its changes come out of order'],
    ['that was there', [JSON.stringify(EVENT), JSON.stringify(EVENT)], 'its changes come out of order'],
    [
      'that it was compacted',
      ['{"result":{"canceled":true,"compact_revision":"8"}}'],
      'what came after revision 5 was compacted until 8',
    ],
    ['that it was refused', ['{"result":{"canceled":true,"cancel_reason":"no"}}'], 'it says "no"'],
    ['that there is no leader', ['{"error":{"grpc_code":14,"message":"no leader"}}'], 'it says "no leader"'],
  ])('ends with a line %s, once', async (_, lines, sentence) => {
    const { gateway, followed } = await watched((response) => {
      response.write(`${JSON.stringify(created)}\n${lines.join('\n')}\n${JSON.stringify(EVENT)}\n`);
    });
    expect(await followed.untilEnded()).toBe(`etcd at ${gateway.url}: ${sentence}`);
    expect(followed.told.length).toBe(lines.length - 1);
    expect(followed.reasons.length).toBe(1);
  });

  it.each([
    [
      'with its stream',
      (response: ServerResponse) => void response.end(JSON.stringify(created)),
      'it has ended the watch',
    ],
    [
      'with its connection',
      (response: ServerResponse) => void response.destroy(),
      'the connection was broken off',
    ],
    [
      'where none is',
      (response: ServerResponse) => void response.writeHead(404).end('Not Found'),
      'no etcd: HTTP status 404',
    ],
    [
      'with a line without end',
      (response: ServerResponse) => forEver(response, 'x'.repeat(1 << 20)),
      'a change of more than 33554432 bytes came',
    ],
  ])('ends %s', async (_, answer, sentence) => {
    const { followed } = await watched(answer);
    expect(await followed.untilEnded()).toContain(sentence);
  });

  it('is taken in whole lines however they are cut, and others below the prefix are nobody', async () => {
    const several = events(put('config', 'ü', 6), put('other', 'x', 6), put('subnets/k', '', 7));
    const gone = events({ type: 'DELETE', kv: { key: kvOf('/n/config', '', 0).key, mod_revision: '8' } });
    const bytes = Buffer.from([created, several, gone].map((line) => `${JSON.stringify(line)}\n`).join(''));
    const { followed } = await watched((response) => {
      let at = 0;
      const timer = setInterval(() => {
        if (at >= bytes.length) return clearInterval(timer);
        response.write(bytes.subarray(at, at + 97));
        at += 97;
      });
    });
    expect(await followed.until(3)).toEqual([
      { what: 'config', value: 'ü', revision: 6 },
      { what: 'put', entry: { key: 'k', value: '', revision: 7 } },
      { what: 'config', value: undefined, revision: 8 },
    ]);
    expect(followed.reasons).toEqual([]);
  });

  it('asks on, however often it is said to have begun', async () => {
    const { gateway, followed } = await watched((response) => {
      forEver(response, `${JSON.stringify(created)}\n`, 10);
    });
    const beats = () =>
      gateway.asked.filter(({ body }) => body.range_end === undefined && body.count_only).length;
    await waitFor(() => beats() >= 3, 'three questions');
    expect(followed.reasons).toEqual([]);
  });

  it('that is stopped before it has begun is no failure of its endpoint', async () => {
    const asked: string[] = [];
    const [first, second] = await Promise.all(
      ['first', 'second'].map((name) =>
        FakeGateway.start(({ path }, response) => {
          asked.push(`${name} ${path}`);
          if (path !== 'watch') json(response, { header: header(5) });
        }),
      ),
    );
    const registry = new EtcdRegistry({ endpoints: [first.url, second.url], prefix: PREFIX });
    closing.push(registry, first, second);
    const watching = registry.watch(5, new Followed());
    await waitFor(() => asked.includes('first watch'), 'a stream');
    watching.stop();
    await registry.read();
    await registry.read();
    expect(asked).toEqual(['first kv/range', 'first watch', 'first kv/range', 'first kv/range']);
  });

  it('of an etcd that knows less than before is ended', async () => {
    const gateway = await FakeGateway.start(({ path, body }, response) => {
      if (path === 'watch') response.write(`${JSON.stringify(created)}\n`);
      else json(response, { header: header(body.range_end === undefined ? 4 : 5) });
    });
    const followed = new Followed();
    registryOf(gateway).watch(5, followed);
    expect(await followed.untilEnded()).toContain(
      'it knows less than before: its data was lost, or restored',
    );
  });
});

it('an endpoint that is none is refused, and a password in it is not shown', () => {
  for (const text of ['10.0.0.1:2379', 'ftp://x', 'http://x/path', 'http://u:secret@x', '']) {
    const open = () => new EtcdRegistry({ endpoints: [text], prefix: PREFIX });
    expect(open).toThrow(RegistryError);
    expect(open).not.toThrow('secret');
  }
  expect(() => new EtcdRegistry({ endpoints: [], prefix: PREFIX })).toThrow('no etcd was named');
});
