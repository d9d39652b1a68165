import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { GarrisonError, WorkloadIdentity } from 'garrison/identity';
import type { Identity } from '#runtime/identity-source.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { WorkloadEndpoint, x509Message, type Said } from '#test/fakes/workload-endpoint.ts';

let pki: TestPki;
let web: Identity;
let next: Identity;
beforeAll(async () => {
  pki = await TestPki.create();
  web = await pki.identity('spiffe://example.org/web');
  next = await pki.identity('spiffe://example.org/web');
});

async function serve(said: Said): Promise<WorkloadEndpoint> {
  return new WorkloadEndpoint(said).come();
}

const serialOf = ({ svid }: WorkloadIdentity): string | undefined => svid.certificates[0]?.serialNumber;
const fault = async (identity: WorkloadIdentity): Promise<GarrisonError> => {
  const [error] = (await once(identity, 'fault')) as [GarrisonError];
  return error;
};

describe('an identity', () => {
  test('is there with the first message and follows the next', async () => {
    await using endpoint = await serve(x509Message([web]));
    await using identity = await WorkloadIdentity.connect({ endpoint: endpoint.address });
    expect(identity.svid.id.toString()).toBe('spiffe://example.org/web');
    expect(identity.svid.expiresAt).toEqual(new Date(Math.floor(web.expiresAt.getTime() / 1000) * 1000));
    const before = serialOf(identity);
    endpoint.say(x509Message([next]));
    await once(identity, 'update');
    expect(serialOf(identity)).not.toBe(before);
  });

  test('stays while the endpoint is away, and follows it when it is back', async () => {
    await using endpoint = await serve(x509Message([web]));
    await using identity = await WorkloadIdentity.connect({ endpoint: endpoint.address });
    const before = serialOf(identity);
    const away = fault(identity);
    await endpoint.go();
    expect((await away).code).toBe('UNAVAILABLE');
    expect(serialOf(identity)).toBe(before);
    const updated = once(identity, 'update');
    endpoint.say(x509Message([next]));
    await endpoint.come();
    await updated;
    expect(serialOf(identity)).not.toBe(before);
  });

  test('is kept when a message makes no sense, and when it is taken away', async () => {
    await using endpoint = await serve(x509Message([web]));
    await using identity = await WorkloadIdentity.connect({ endpoint: endpoint.address });
    const nonsense: Said[] = [
      x509Message([{ ...web, bundle: [] }]),
      x509Message([{ ...web, certificates: next.certificates }]),
      new GarrisonError('PERMISSION_DENIED', 'no registration'),
    ];
    for (const said of nonsense) {
      const heard = fault(identity);
      endpoint.say(said);
      expect(['DATA_LOSS', 'PERMISSION_DENIED']).toContain((await heard).code);
      expect(identity.svid.id.path).toBe('/web');
    }
    const updated = once(identity, 'update');
    endpoint.say(x509Message([next]));
    await updated;
  });

  test('is one of several, by hint or by name, and waited for', async () => {
    const other = await pki.identity('spiffe://example.org/other');
    await using endpoint = await serve(x509Message([web]));
    const faults: string[] = [];
    const connecting = WorkloadIdentity.connect({
      endpoint: endpoint.address,
      pick: (svids) => svids.find(({ hint }) => hint === 'internal'),
      onFault: ({ code }) => {
        faults.push(code);
        endpoint.say(x509Message([web, { ...other, hint: 'internal' }]));
      },
    });
    await using identity = await connecting;
    expect(faults).toEqual(['PERMISSION_DENIED']);
    expect(identity.svid.id.path).toBe('/other');
    expect(identity.svids.map(({ id, hint }) => [id.path, hint])).toEqual([
      ['/web', ''],
      ['/other', 'internal'],
    ]);
  });

  test('is not asked for again where that is of no use', async () => {
    await using endpoint = await serve(new GarrisonError('INVALID_ARGUMENT', 'no'));
    await expect(WorkloadIdentity.connect({ endpoint: endpoint.address })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect(endpoint.opened).toBe(1);
  });

  test('is waited for while there is none, until the caller has enough of it', async () => {
    await using endpoint = await serve(new GarrisonError('PERMISSION_DENIED', 'no'));
    const stop = new AbortController();
    const heard = Promise.withResolvers<GarrisonError>();
    const connecting = WorkloadIdentity.connect({
      endpoint: endpoint.address,
      signal: stop.signal,
      onFault: heard.resolve,
    });
    expect((await heard.promise).code).toBe('PERMISSION_DENIED');
    stop.abort(new Error('enough'));
    await expect(connecting).rejects.toThrow('enough');
  });
});

describe('the endpoint', () => {
  const before = process.env['SPIFFE_ENDPOINT_SOCKET'];
  afterAll(() => {
    if (before === undefined) delete process.env['SPIFFE_ENDPOINT_SOCKET'];
    else process.env['SPIFFE_ENDPOINT_SOCKET'] = before;
  });

  test('is found where SPIFFE says', async () => {
    await using endpoint = await serve(x509Message([web]));
    process.env['SPIFFE_ENDPOINT_SOCKET'] = endpoint.address;
    await using identity = await WorkloadIdentity.connect();
    expect(identity.svid.id.path).toBe('/web');
  });

  test('must be said', async () => {
    delete process.env['SPIFFE_ENDPOINT_SOCKET'];
    await expect(WorkloadIdentity.connect()).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      remedy: expect.stringContaining('SPIFFE_ENDPOINT_SOCKET'),
    });
  });
});

test('a bundle of the own trust domain is never somebody else’s', async () => {
  const stranger = await TestPki.create('stranger');
  const federated = { 'example.org': stranger.bundle, 'other.org': stranger.bundle };
  await using endpoint = await serve(x509Message([web], federated));
  await using identity = await WorkloadIdentity.connect({ endpoint: endpoint.address });
  const shown = [...identity.bundles].map(([name, roots]) => [name, roots.map(({ subject }) => subject)]);
  expect(Object.fromEntries(shown)).toEqual({ 'example.org': ['CN=test root'], 'other.org': ['CN=stranger'] });
});
