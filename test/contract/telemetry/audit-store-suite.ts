import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Timestamp } from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';
import type { AuditEntry } from '#services/telemetry/audit/audit-record.ts';
import type { AuditQuery, AuditStore } from '#services/telemetry/audit/audit-store.ts';
import { recordOf } from '#services/telemetry/audit/record-of.ts';
import { readAction } from '#services/telemetry/report/action.ts';
import { reportBag } from '#test/fakes/report-bag.ts';

const start = Date.parse('2026-01-01T00:00:00Z');

type Changes = Readonly<Record<string, AttributeValue | undefined>>;

function entry(changes: Changes = {}, secondsAfterStart = 0): AuditEntry {
  const at = start + secondsAfterStart * 1000;
  const bag = reportBag({ 'request.time': Timestamp.fromDate(new Date(at)), ...changes });
  return recordOf(readAction(bag), bag, { receivedMs: at, reporter: 'cluster.local/ns/default/sa/bookinfo-reviews' });
}

const denied: Changes = {
  'source.principal': 'cluster.local/ns/shop/sa/cart',
  'source.workload.name': 'cart-v1',
  'garrison.decision.id': 'd-2',
  'garrison.decision.effect': 'deny',
  'garrison.decision.policy': 'default/ratings-viewer',
  'garrison.decision.revision': 8n,
  'response.code': 403n,
  'request.headers': new Map([['x-user', 'jason']]),
};

/** What every audit store does, whatever it keeps records in. */
export function auditStoreSuite(name: string, open: () => AuditStore): void {
  describe(name, () => {
    let store: AuditStore;
    beforeEach(() => {
      store = open();
    });
    afterEach(async () => store[Symbol.asyncDispose]());

    const decisions = async (query: Partial<AuditQuery>): Promise<unknown[]> => {
      const page = await store.query({ limit: 100, ...query });
      return page.records.map(({ body }) => (JSON.parse(body) as { decision?: string }).decision);
    };

    test('gives back the bytes it was given, numbered in order of arrival', async () => {
      const entries = [entry(), entry(denied)];
      await store.append(entries);
      expect((await store.query({ limit: 10 })).records).toEqual([
        { sequence: 2, body: entries[1]?.body },
        { sequence: 1, body: entries[0]?.body },
      ]);
      expect(await store.get(1)).toEqual({ sequence: 1, body: entries[0]?.body });
      expect(await store.get(3)).toBeUndefined();
    });

    test('reports that arrive together are all kept', async () => {
      await Promise.all(Array.from({ length: 50 }, () => store.append([entry(), entry(denied)])));
      const { records, next } = await store.query({ limit: 200 });
      expect(records).toHaveLength(100);
      expect(next).toBeUndefined();
    });

    describe('finds by', () => {
      beforeEach(() => store.append([entry(), entry(denied, 60)]));

      test.each<[string, Partial<AuditQuery>, string[]]>([
        ['nothing in particular, newest first', {}, ['d-2', 'd-1']],
        ['decision', { decision: 'd-2' }, ['d-2']],
        ['a decision that is not there', { decision: 'd-3' }, []],
        ['principal', { principal: 'cluster.local/ns/shop/sa/cart' }, ['d-2']],
        ['principal with its scheme', { principal: 'spiffe://cluster.local/ns/shop/sa/cart' }, ['d-2']],
        ['workload at the calling end', { workload: 'cart-v1' }, ['d-2']],
        ['workload at the called end', { workload: 'default/reviews-v2' }, ['d-2', 'd-1']],
        ['workload of another namespace', { workload: 'shop/reviews-v2' }, []],
        ['source', { source: 'default/productpage-v1' }, ['d-1']],
        ['destination', { destination: 'reviews-v2' }, ['d-2', 'd-1']],
        ['namespace at either end', { namespace: 'shop' }, ['d-2']],
        ['effect deny', { effect: 'deny' }, ['d-2']],
        ['effect allow', { effect: 'allow' }, ['d-1']],
        ['policy', { policy: 'default/reviews-viewer' }, ['d-1']],
        ['revision', { revision: 8 }, ['d-2']],
        ['since, inclusive', { sinceMs: start + 60_000 }, ['d-2']],
        ['until, inclusive', { untilMs: start }, ['d-1']],
        ['a time when nothing was', { sinceMs: start + 1, untilMs: start + 59_999 }, []],
        ['several at once', { effect: 'deny', policy: 'default/reviews-viewer' }, []],
        ['a named attribute', { attributes: [{ name: 'request.path', value: '/reviews/0' }] }, ['d-2', 'd-1']],
        ['a number', { attributes: [{ name: 'response.code', value: '403' }] }, ['d-2']],
        ['a bool', { attributes: [{ name: 'connection.mtls', value: 'true' }] }, ['d-2', 'd-1']],
        ['an address', { attributes: [{ name: 'source.ip', value: '127.0.0.1' }] }, ['d-2', 'd-1']],
        ['an entry of a map', { attributes: [{ name: 'request.headers[X-User]', value: 'jason' }] }, ['d-2']],
        ['a label', { attributes: [{ name: 'destination.labels[app]', value: 'reviews' }] }, ['d-2', 'd-1']],
        ['an attribute nobody has', { attributes: [{ name: 'no.such', value: 'x' }] }, []],
        ['a value that reads like JSON', { attributes: [{ name: 'request.method', value: '"GET"' }] }, []],
      ])('%s', async (_, query, expected) => {
        expect(await decisions(query)).toEqual(expected);
      });
    });

    test('pages join up', async () => {
      await store.append(Array.from({ length: 7 }, () => entry()));
      const seen: number[] = [];
      let before: number | undefined;
      do {
        const page = await store.query({ limit: 3, ...(before === undefined ? {} : { before }) });
        seen.push(...page.records.map(({ sequence }) => sequence));
        before = page.next;
      } while (before !== undefined);
      expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1]);
    });

    test('an attribute name with a quote is refused, not read as SQL or JSON path', async () => {
      const asked = async (): Promise<unknown> =>
        store.query({ limit: 1, attributes: [{ name: 'a" OR 1', value: 'x' }] });
      await store.append([entry()]);
      await expect(asked()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    });

    test('counts who called whom', async () => {
      const failedOpen = entry({ 'garrison.decision.fail_open': true, 'garrison.decision.policy': undefined });
      await store.append([entry(), entry(), entry(denied), entry(denied, 90), failedOpen]);
      await store.append([entry({ 'context.reporter.kind': 'outbound' }), entry()]);
      expect(await store.stats({ reporter: 'inbound' })).toEqual([
        {
          principal: 'cluster.local/ns/default/sa/bookinfo-productpage',
          source: { namespace: 'default', workload: 'productpage-v1' },
          destination: { namespace: 'default', workload: 'reviews-v2' },
          allowed: 4,
          denied: 0,
          unknown: 0,
          failedOpen: 1,
          denials: [],
        },
        {
          principal: 'cluster.local/ns/shop/sa/cart',
          source: { namespace: 'shop', workload: 'cart-v1' },
          destination: { namespace: 'default', workload: 'reviews-v2' },
          allowed: 0,
          denied: 2,
          unknown: 0,
          failedOpen: 0,
          denials: [{ policy: 'default/ratings-viewer', count: 2 }],
        },
      ]);
      expect(await store.stats({ reporter: 'inbound', sinceMs: start + 61_000 })).toMatchObject([{ denied: 1 }]);
      expect(await store.stats({ reporter: 'inbound', namespace: 'shop' })).toMatchObject([{ denied: 2 }]);
      expect(await store.stats({ reporter: 'inbound', workload: 'default/productpage-v1' })).toHaveLength(1);
      expect(await store.stats({ reporter: 'outbound' })).toMatchObject([{ allowed: 1 }]);
      expect(await store.stats({ reporter: 'all' })).toMatchObject([{ allowed: 5 }, { denied: 2 }]);
    });

    test('an anonymous caller is counted as such', async () => {
      await store.append([
        entry({ 'source.principal': undefined, 'source.workload.name': undefined, 'garrison.decision.effect': 'deny' }),
      ]);
      expect(await store.stats({ reporter: 'all' })).toMatchObject([{ source: {}, denied: 1 }]);
    });

    test('forgets what is older than asked, and never gives a number twice', async () => {
      await store.append([entry(), entry(denied, 3600)]);
      expect(await store.prune(start + 60_000)).toBe(1);
      expect(await decisions({})).toEqual(['d-2']);
      expect(await store.stats({ reporter: 'all' })).toMatchObject([{ denied: 1 }]);
      expect(await store.prune(start + 7_200_000)).toBe(1);
      await store.append([entry()]);
      expect((await store.query({ limit: 1 })).records[0]?.sequence).toBe(3);
    });

    test('hostile text is only text', async () => {
      const path = `/x'); DROP TABLE records;--\u0000\u202e"\\`;
      await store.append([entry({ 'request.path': path, ['__proto__']: 'y', 'garrison.decision.id': "d' OR '1'='1" })]);
      expect(await decisions({ attributes: [{ name: 'request.path', value: path }] })).toEqual(["d' OR '1'='1"]);
      expect(await decisions({ decision: 'x' })).toEqual([]);
    });

    test('it can prove that it writes', async () => {
      await expect(store.probe()).resolves.toBeUndefined();
    });
  });
}
