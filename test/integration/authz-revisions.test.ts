import { renameSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { MapBag } from '#proto/attributes/index.ts';
import type { Revision } from '#proto/gen/garrison/v1/revisions.ts';
import { systemClock } from '#runtime/clock.ts';
import { AuthzMesh, ask, checkRequest, decisionOf } from '#test/fakes/authz-mesh.ts';

const deny = (name: string, prefix: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: { action: DENY, rules: [ { to: [ { operation: { paths: [ ${prefix}* ] } } ] } ] }
`;
const facts = (path: string): MapBag =>
  new MapBag([
    ['context.protocol', 'http'],
    ['destination.namespace', 'shop'],
    ['request.method', 'GET'],
    ['request.path', path],
    ['request.host', 'cart.shop'],
    ['request.headers', new Map()],
  ]);
const effect = async (mesh: AuthzMesh, path: string): Promise<string> =>
  decisionOf(await ask(await mesh.client(), checkRequest(facts(path)))).effect;

describe('a change of the documents', () => {
  test('comes into force; a bad one does not, and the last good revision serves on', async () => {
    await using mesh = await AuthzMesh.start({ policies: { 'a.yaml': deny('a', '/a') } });
    await mesh.until(({ revision }) => revision === 1);
    expect([await effect(mesh, '/a'), await effect(mesh, '/b')]).toEqual(['deny', 'allow']);

    mesh.write('a.yaml', deny('a', '/b'));
    await mesh.until(({ revision }) => revision === 2);
    expect([await effect(mesh, '/a'), await effect(mesh, '/b')]).toEqual(['allow', 'deny']);

    mesh.write('b.yaml', deny('b', '/c').replace('action: DENY', 'action: DENIED'));
    const refused = await mesh.until(({ refusal }) => refusal !== null);
    expect(refused).toMatchObject({ revision: 2, files: [expect.stringContaining('a.yaml')] });
    expect(JSON.stringify(refused['refusal'])).toContain('DENIED');
    expect(JSON.stringify(refused['refusal'])).toMatch(/b\.yaml:\d+:\d+/);
    expect([await effect(mesh, '/b'), await effect(mesh, '/c')]).toEqual(['deny', 'allow']);
    expect((await mesh.admin('/metrics')).text).toMatch(/^garrison_policy_refused 1$/m);
    expect(mesh.logged.join('')).toContain('policy change refused');
    expect(await mesh.admin('/readyz')).toMatchObject({ status: 200 });

    mesh.write('b.yaml', Buffer.from('kind: \xff', 'latin1'));
    await mesh.until(({ refusal }) => JSON.stringify(refusal).includes('not UTF-8'));

    mesh.write('b.yaml', undefined);
    await mesh.until(({ refusal }) => refusal === null);
    expect((await mesh.admin('/metrics')).text).toMatch(/^garrison_policy_revision 2$/m);
    mesh.forget();
  });

  test('that deletes the folder is refused: it must not open every door', async () => {
    await using mesh = await AuthzMesh.start({ policies: { 'a.yaml': deny('a', '/a') }, policiesNamed: false });
    await mesh.until(({ revision }) => revision === 1);
    renameSync(path.join(mesh.folder, 'policies'), path.join(mesh.folder, 'gone'));
    await mesh.until(({ refusal }) => refusal !== null);
    expect(await effect(mesh, '/a')).toBe('deny');
    renameSync(path.join(mesh.folder, 'gone'), path.join(mesh.folder, 'policies'));
    await mesh.until(({ refusal }) => refusal === null);
    mesh.forget();
  });
});

describe('a start', () => {
  test('with an empty folder is a mesh without policies', async () => {
    await using mesh = await AuthzMesh.start({ policies: {} });
    await mesh.until(({ revision }) => revision === 1);
    expect(await effect(mesh, '/a')).toBe('allow');
    mesh.forget();
  });

  test('without the default folder is one too', async () => {
    await using mesh = await AuthzMesh.start({ policiesNamed: false });
    await mesh.until(({ revision }) => revision === 1);
    mesh.forget();
  });

  test('without a folder that was named serves nothing, and says what is missing', async () => {
    await using mesh = await AuthzMesh.start({ policiesNamed: true });
    const { refusal } = await mesh.until((page) => page['refusal'] !== null);
    expect(JSON.stringify(refusal)).toContain('no such file or folder');
    expect(await mesh.admin('/readyz')).toMatchObject({ status: 503, text: expect.stringContaining('policies') });
    await expect(ask(await mesh.client(), checkRequest(facts('/a')))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    mesh.forget();
  });

  test('after an end goes on with the number; with bad documents, with the last good ones', async () => {
    const first = await AuthzMesh.start({ policies: { 'a.yaml': deny('a', '/a') } });
    await first.until(({ revision }) => revision === 1);
    first.write('a.yaml', deny('a', '/b'));
    await first.until(({ revision }) => revision === 2);
    await first[Symbol.asyncDispose]();

    const second = await AuthzMesh.start({ folder: first.folder, pki: first.pki });
    await second.authz.admin.readiness.ready();
    expect(await second.until(({ refusal }) => refusal === null)).toMatchObject({ revision: 2 });
    await second[Symbol.asyncDispose]();

    first.write('a.yaml', 'kind: Nonsense');
    await using third = await AuthzMesh.start({ folder: first.folder, pki: first.pki });
    await third.until(({ refusal }) => refusal !== null);
    expect(await effect(third, '/b')).toBe('deny');
    expect(decisionOf(await ask(await third.client(), checkRequest(facts('/b')))).revision).toBe(2n);
    third.forget();
  });

  test('with a clock that jumps back keeps serving and keeps counting', async () => {
    let year = 2030;
    const clock = { ...systemClock, now: () => new Date(Date.UTC(year, 0)) };
    await using mesh = await AuthzMesh.start({ policies: { 'a.yaml': deny('a', '/a') }, clock });
    await mesh.until(({ revision }) => revision === 1);
    year = 1980;
    mesh.write('a.yaml', deny('a', '/b'));
    expect(await mesh.until(({ revision }) => revision === 2)).toMatchObject({ activated: '1980-01-01T00:00:00.000Z' });
    const response = await ask(await mesh.client(), checkRequest(facts('/b')));
    expect(response.precondition).toMatchObject({ status: { code: 7 }, validDuration: { nanos: 500_000_000 } });
    mesh.forget();
  });
});

describe('Revisions.Watch', () => {
  test('gives what is in force, then each change, and ends when the service does', async () => {
    const mesh = await AuthzMesh.start({ policies: { 'a.yaml': deny('a', '/a') } });
    await mesh.until(({ revision }) => revision === 1);
    const client = await mesh.revisionsClient('spiffe://cluster.local/ns/shop/sa/cart');
    const stream = client.watch({});
    const revisions = stream[Symbol.asyncIterator]() as AsyncIterator<Revision>;
    const next = async (): Promise<Revision> => (await revisions.next()).value as Revision;
    const first = await next();
    expect(first).toMatchObject({
      number: 1n,
      files: [{ name: expect.stringContaining('a.yaml'), text: deny('a', '/a') }],
      mesh: { trustDomain: 'cluster.local', rootNamespace: 'istio-system', profile: 'strict' },
    });
    mesh.write('a.yaml', deny('a', '/b'));
    expect(await next()).toMatchObject({ number: 2n, files: [{ text: deny('a', '/b') }] });
    const end = expect(revisions.next()).rejects.toMatchObject({ code: 14 });
    await mesh[Symbol.asyncDispose]();
    await end;
    mesh.forget();
  });
});
