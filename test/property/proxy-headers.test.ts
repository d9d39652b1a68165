import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { type Socket, connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readProxyHeader } from '#services/sidecar/inbound/proxy-protocol/header.ts';
import { receiveHeader } from '#services/sidecar/inbound/proxy-protocol/receive-header.ts';

interface Vector {
  readonly name: string;
  readonly text?: string;
  readonly hex?: string;
  readonly header?: { readonly length: number };
}

const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../unit/sidecar/proxy-headers.json'), 'utf8'),
) as Vector[];
const bytesOf = ({ text, hex }: Vector): Buffer =>
  hex === undefined ? Buffer.from(text ?? '') : Buffer.from(hex, 'hex');
const whole = vectors.filter(({ header }) => header !== undefined);

/** What the reader says of ever more bytes, until it has made up its mind. */
function readGrowing(bytes: Buffer, step = 1): ReturnType<typeof readProxyHeader> {
  for (let length = 0; length < bytes.length; length += step) {
    const reading = readProxyHeader(bytes.subarray(0, length));
    if (reading.kind !== 'more') return reading;
  }
  return readProxyHeader(bytes);
}

describe('a PROXY header', () => {
  test.each(whole)('cut at every byte is one that goes on: $name', (vector) => {
    const bytes = bytesOf(vector);
    for (let length = 0; length < (vector.header?.length ?? 0); length++) {
      expect(readProxyHeader(bytes.subarray(0, length))).toEqual({ kind: 'more' });
    }
  });

  test.each(vectors)('byte by byte is what it is at once: $name', (vector) => {
    expect(readGrowing(bytesOf(vector)).kind).toBe(readProxyHeader(bytesOf(vector)).kind);
  });

  test('is decided by its own bytes: what follows changes nothing', () => {
    fc.assert(
      fc.property(fc.constantFrom(...whole), fc.uint8Array({ maxLength: 200 }), (vector, rest) => {
        const bytes = bytesOf(vector).subarray(0, vector.header?.length);
        expect(readProxyHeader(Buffer.concat([bytes, rest]))).toEqual(readProxyHeader(bytes));
      }),
    );
  });

  test('of which any byte is changed never breaks the reader, and growing bytes never change its mind', () => {
    const changed = fc.tuple(fc.constantFrom(...vectors), fc.nat(300), fc.nat(255)).map(([vector, at, byte]) => {
      const bytes = Buffer.from(bytesOf(vector));
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(changed, fc.integer({ min: 1, max: 9 }), (bytes, step) => {
        const [atOnce, grown] = [readProxyHeader(bytes), readGrowing(bytes, step)];
        expect(grown.kind).toBe(atOnce.kind);
        if (atOnce.kind === 'header') expect(grown).toEqual(atOnce);
      }),
      { numRuns: 2_000 },
    );
  });
});

test('however a header arrives, the bytes behind it are all there for the next reader', async () => {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 });
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...whole),
        cuts,
        fc.uint8Array({ maxLength: 60 }),
        async (vector, sizes, tail) => {
          const header = bytesOf(vector).subarray(0, vector.header?.length);
          const arrived = once(server, 'connection') as Promise<[Socket]>;
          const client = connect({ host: '127.0.0.1', port, noDelay: true });
          const [socket] = await arrived;
          const received = receiveHeader(socket, 5_000);
          let rest = Buffer.concat([header, tail]);
          for (let i = 0; rest.length > 0; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            client.write(rest.subarray(0, size));
            rest = rest.subarray(size);
            await new Promise(setImmediate);
          }
          client.end();
          const direct = readProxyHeader(header);
          expect(await received).toEqual({ kind: 'header', client: direct.kind === 'header' && direct.client });
          const left: Buffer[] = [];
          for await (const chunk of socket) left.push(chunk as Buffer);
          expect(Buffer.concat(left)).toEqual(Buffer.from(tail));
          client.destroy();
        },
      ),
      { numRuns: 60 },
    );
  } finally {
    server.close();
  }
});
