import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { compile, decide, gatherEvidence, inlineKeysOnly, loadPolicies } from '#policies/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { directiveOf } from '#services/authz/directive.ts';
import { exchangeRaw, get, plainSocket } from '#test/fakes/raw-http.ts';
import { type Ruling, type World, anyPort, startWorld } from '#test/fakes/sidecar-world.ts';

const forever = 4_000_000_000;

let world: World;
let port: number;
let token: string;
let ruled: (bag: AttributeBag) => Promise<Ruling>;
const heard: { url: string; headers: readonly string[]; trailers: readonly string[] }[] = [];

const documents = (jwks: string): string => `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec:
  selector: { matchLabels: { app: web } }
  jwtRules:
    - issuer: idp
      jwks: '${jwks}'
      outputClaimToHeaders: [{ header: x-user-id, claim: sub }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-root, namespace: shop }
spec: { action: DENY, rules: [{ when: [{ key: 'request.headers[x-user-id]', values: [root] }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-admin, namespace: shop }
spec: { action: DENY, rules: [{ when: [{ key: 'request.headers[X-Role]', values: [admin] }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-token-left, namespace: shop }
spec: { action: DENY, rules: [{ when: [{ key: 'request.headers[:path]', values: ['*access_token*'] }] }] }
`;

/** The real engine with its directive, as the authorization service answers. */
function engine(text: string): (bag: AttributeBag) => Promise<Ruling> {
  const loaded = loadPolicies([{ name: 'rules.yaml', text }]);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults));
  const program = compile(loaded.set, 1);
  return async (bag) => {
    const ports = { keys: inlineKeysOnly, nowMs: Date.now(), ask: () => Promise.reject(new Error('no provider')) };
    const verdict = decide(program, bag, await gatherEvidence(program, bag, ports));
    const directive = directiveOf(verdict);
    const { effect, status, policy } = verdict;
    return { effect, httpStatus: status, policy, ...(directive === undefined ? {} : { directive }) };
  };
}

beforeAll(async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const text = documents(JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] }));
  token = await new SignJWT({ iss: 'idp', sub: 'alice', exp: forever })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .sign(privateKey);
  world = await startWorld(text);
  ruled = engine(text);
  const app = await world.application((request, response) => {
    request.resume().on('end', () => {
      heard.push({
        url: request.url ?? '',
        headers: request.rawHeaders.map((one) => one.toLowerCase()),
        trailers: request.rawTrailers.map((one) => one.toLowerCase()),
      });
      response.end('heard');
    });
  });
  const inbound = [{ listen: anyPort, app: app.address, protocol: 'http' as const }];
  port = (await world.sidecar({ serviceAccount: 'web', inbound, failOpen: true })).inboundPort;
});
afterAll(async () => world[Symbol.asyncDispose]());
beforeEach(() => {
  heard.length = 0;
  world.rule(ruled);
});

const send = async (path: string, fields: readonly string[] = []): Promise<number> =>
  (await get(await plainSocket(port), path, fields)).status;

describe('a token in the query', () => {
  test('is accepted, and does not go on; the rest does as it came', async () => {
    expect(await send(`/a?x=1&access_token=${token}&y=%2F..&&x=%32`)).toBe(200);
    expect(heard.map(({ url }) => url)).toEqual(['/a?x=1&y=%2F..&&x=%32']);
    expect(heard[0]?.headers.join()).toContain('x-user-id,alice');
    expect(await send(`/b/../a%2fb?access_token=${token}`)).toBe(200);
    expect(heard[1]?.url).toBe('/a/b');
  });

  test('that is wrong is refused', async () => {
    expect(await send(`/a?access_token=${token.slice(0, -8)}AAAAAAAA`)).toBe(401);
    expect(heard).toEqual([]);
  });

  test('stands in no report of a request that was let in', async () => {
    expect(await send(`/reported?access_token=${token}&z=1`)).toBe(200);
    const reported = await eventually(() => world.reported.find((bag) => bag.get('request.path') === '/reported?z=1'));
    expect(reported.get('request.path')).toBe('/reported?z=1');
  });
});

async function eventually<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('a header that a rule writes', () => {
  const spellings = ['x-user-id', 'X-User-Id', 'x_user_id', 'x_user-id', 'x-user_id', 'X_USER-ID'];

  test.each(spellings)('is told by nobody else: %s', async (name) => {
    expect(await send('/', [`${name}: root`])).toBe(200);
    expect(await send('/', [`${name}: root`, `authorization: Bearer ${token}`])).toBe(200);
    expect(
      heard.map(({ headers }) => headers.filter((_, i) => headers[i - 1]?.replaceAll('_', '-') === 'x-user-id')),
    ).toEqual([[], ['alice']]);
  });

  test.each(spellings)('is told by nobody else where nobody could decide: %s', async (name) => {
    world.rule(() => {
      throw new GarrisonError('UNAVAILABLE', 'away');
    });
    expect(await send('/', [`${name}: root`, 'x-user: me'])).toBe(200);
    expect(heard.map(({ headers }) => [headers.includes('root'), headers.includes('me')])).toEqual([[false, true]]);
  });

  test('and one that a rule asks about do not come behind the body', async () => {
    const head = 'POST / HTTP/1.1\r\nhost: web.shop\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n';
    const trailers = 'x-role: admin\r\nX_Role: admin\r\nx-roles: 1\r\n';
    expect((await exchangeRaw(await plainSocket(port), `${head}2\r\nok\r\n0\r\n${trailers}\r\n`)).status).toBe(200);
    expect(heard[0]?.trailers).toEqual(['x-roles', '1']);
  });

  test.each(spellings)('does not come behind the body either: %s', async (name) => {
    const head =
      'POST / HTTP/1.1\r\nhost: web.shop\r\nconnection: close, x-named\r\ntransfer-encoding: chunked\r\n\r\n';
    const trailers = `${name}: root\r\nx_real_ip: 10.0.0.1\r\nx-named: root\r\nx-checksum: 1\r\n`;
    expect((await exchangeRaw(await plainSocket(port), `${head}2\r\nok\r\n0\r\n${trailers}\r\n`)).status).toBe(200);
    expect(heard[0]?.trailers).toEqual(['x-checksum', '1']);
  });
});
