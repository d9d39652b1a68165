import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { serialOf } from '#ca/issue/serial.ts';
import { compile, loadPolicies, requirements } from '#policies/index.ts';
import type { PolicySet } from '#policies/index.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { questionAbout } from '#services/authz/providers/ask-about.ts';
import { ProviderStore } from '#services/authz/providers/provider-store.ts';
import { KeyServer } from '#test/fakes/key-server.ts';
import { ManualClock } from '#test/fakes/manual-clock.ts';
import { RotatableIdentity, TestPki } from '#test/fakes/mesh-pki.ts';
import { requestBag } from '#test/fakes/request-bag.ts';

let pki: TestPki;
let server: KeyServer;
let secure: KeyServer;
let store: ProviderStore;
let identity: RotatableIdentity;
let seen: string[];
let certificate: string;

beforeEach(async () => {
  pki = await TestPki.create();
  const { certificates, privateKey, bundle } = await pki.identity('spiffe://cluster.local/ns/ext/sa/http');
  certificate = certificates[0] ?? '';
  const asked = {
    cert: certificates.join('\n'),
    key: privateKey,
    ca: [...bundle],
    requestCert: true,
    rejectUnauthorized: false,
  };
  [server, secure] = await Promise.all([KeyServer.start(), KeyServer.start(asked)]);
  identity = new RotatableIdentity(await pki.identity('spiffe://cluster.local/garrison/authz'));
  store = new ProviderStore({ identity, clock: new ManualClock(), logger: silentLogger, random: () => 0 });
  seen = [];
});
afterEach(async () => {
  store[Symbol.dispose]();
  await Promise.all([server[Symbol.asyncDispose](), secure[Symbol.asyncDispose]()]);
});

const handler = (namespace: string, check: string): string => `
apiVersion: garrison.dev/v1
kind: Handler
metadata: { name: ext, namespace: ${namespace} }
spec: { check: { protocol: http, ${check} } }
---
`;
const custom = (namespace: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: custom, namespace: ${namespace} }
spec: { action: CUSTOM, provider: { name: ext }, rules: [ {} ] }
---
`;
function documents(...texts: string[]): PolicySet {
  const loaded = loadPolicies([{ name: 'test.yaml', text: texts.join('') }]);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults));
  return loaded.set;
}
const bag = requestBag({ path: '/a' });
const question = questionAbout(bag, 0, { http: true, path: '/a' });
const ask = (set: PolicySet) =>
  Promise.all(requirements(compile(set, 1), bag).providers.map((required) => store.ask(required, question, set)));
const effects = async (set: PolicySet) => (await ask(set)).map(({ reply }) => reply.effect);
const at = (prefix: string): string => `address: '127.0.0.1:${server.port}', pathPrefix: ${prefix}`;

describe('which Handler is asked', () => {
  const allowAll = (): KeyServer => server.page('/near/a', (_, r) => r.end()).page('/root/a', (_, r) => r.end());

  test('that of the namespace, else that of the root namespace', async () => {
    allowAll();
    expect(
      await effects(documents(custom('shop'), handler('shop', at('/near')), handler('istio-system', at('/root')))),
    ).toEqual(['allow']);
    expect(await effects(documents(custom('shop'), handler('istio-system', at('/root'))))).toEqual(['allow']);
    expect(await effects(documents(custom('shop'), handler('other', at('/near'))))).toEqual(['deny']);
    expect(server.asked).toEqual(['/near/a', '/root/a']);
  });

  test('both, where the root namespace demands its own: a namespace cannot put another in its place', async () => {
    allowAll();
    const set = documents(
      ...[custom('shop'), handler('shop', at('/near')), custom('istio-system'), handler('istio-system', at('/root'))],
    );
    expect(await effects(set)).toEqual(['allow', 'allow']);
    server.page('/root/a', (_, response) => response.writeHead(403).end());
    expect(await effects(set)).toEqual(['deny', 'allow']);
  });

  test('only that whose own rules match, though the other has its name', async () => {
    allowAll();
    const elsewhere = custom('istio-system').replace(
      'rules: [ {} ]',
      'rules: [{ to: [{ operation: { paths: [/b] } }] }]',
    );
    const set = documents(
      ...[custom('shop'), handler('shop', at('/near')), elsewhere, handler('istio-system', at('/root'))],
    );
    expect(await effects(set)).toEqual(['allow']);
    expect(server.asked).toEqual(['/near/a']);
  });
});

describe('the path that a provider is asked about', () => {
  const about = async (prefix: string, path: string): Promise<string | undefined> => {
    const set = documents(custom('shop'), handler('shop', at(prefix)));
    const asking = requestBag({ path });
    const required = requirements(compile(set, 1), asking);
    const [one] = required.providers;
    if (one === undefined) return undefined;
    const { reply } = await store.ask(one, questionAbout(asking, 0, required), set);
    return reply.effect;
  };

  test('is the one that rules read, with the query as it came', async () => {
    server.page('/a/c?x=%2f..', (_, response) => response.end());
    expect(await about('/', '/a/b/..%2fc?x=%2f..')).toBe('allow');
    expect(server.asked).toEqual(['/a/c?x=%2f..']);
  });

  test('never leads out of the prefix', async () => {
    server.page('/auth/healthz', (_, response) => response.end()).page('/healthz', (_, response) => response.end());
    for (const path of ['/../../healthz', '/admin/../../healthz', '/%2e%2e/healthz', '/..%2fhealthz'])
      expect([path, await about('/auth', path)]).toEqual([path, 'allow']);
    expect(new Set(server.asked)).toEqual(new Set(['/auth/healthz']));
  });

  test.each(['/../healthz', '/a/../../healthz', '/..%2fhealthz', '/%2e%2e%5chealthz', '/..;/healthz', '//../healthz'])(
    'is not asked about where no level has kept it from leading out: %s',
    async (path) => {
      server.page('/healthz', (_, response) => response.end());
      const set = documents(custom('shop'), handler('shop', at('/auth')));
      const [required] = requirements(compile(set, 1), bag).providers;
      const { reply } = await store.ask(required!, { ...question, path }, set);
      expect(reply.effect).toBe('deny');
      expect(server.asked).toEqual([]);
    },
  );
});

describe('an HTTP provider behind TLS', () => {
  const tls = (more: string): PolicySet =>
    documents(custom('shop'), handler('shop', `address: 'localhost:${secure.port}', tls: { ${more} }`));

  beforeEach(() => {
    secure.page('/a', ({ socket }, response) => {
      const { subjectaltname } = (
        socket as unknown as { getPeerCertificate(): { subjectaltname?: string } }
      ).getPeerCertificate();
      seen.push(subjectaltname ?? 'nobody');
      response.end();
    });
  });

  test('is known by name or identity, and sees ours, also after it changed', async () => {
    const set = tls('spiffeId: spiffe://cluster.local/ns/ext/sa/http');
    expect(await effects(set)).toEqual(['allow']);
    identity.rotate(await pki.identity('spiffe://cluster.local/garrison/authz2'));
    expect(await effects(set)).toEqual(['allow']);
    expect(await effects(tls('clientCertificate: false'))).toEqual(['allow']);
    expect(seen).toEqual([
      expect.stringContaining('garrison/authz,'),
      expect.stringContaining('garrison/authz2'),
      'nobody',
    ]);
  });

  test.each(['', 'spiffeId: spiffe://cluster.local/ns/ext/sa/http'])(
    'whose certificate was revoked, or the authority that signed it, is not asked any more (%s)',
    async (who) => {
      const set = tls(who);
      expect(await effects(set)).toEqual(['allow']);
      const rotate = (what: Partial<Identity>): void => identity.rotate({ ...identity.current(), ...what });
      rotate({ revoked: new Set([serialOf(new X509Certificate(certificate))]) });
      expect(await effects(set)).toEqual(['deny']);
      const [root = ''] = pki.bundle;
      rotate({ revoked: new Set(), refused: [root] });
      expect(await effects(set)).toEqual(['deny']);
      rotate({ refused: [(await pki.under('issuing 1')).pem] });
      expect(await effects(set)).toEqual(['allow']);
      expect(secure.asked).toHaveLength(2);
    },
  );

  test.each(['serverName: other.example', 'spiffeId: spiffe://cluster.local/ns/ext/sa/other'])(
    'that is not %s is not asked',
    async (who) => {
      expect(await effects(tls(who))).toEqual(['deny']);
      expect(secure.asked).toEqual([]);
    },
  );

  test('of another authority is not asked', async () => {
    const other = (await TestPki.create('other')).bundle.join('').replaceAll('\n', '\\n');
    expect(await effects(tls(`caCertificates: "${other}"`))).toEqual(['deny']);
    expect(secure.asked).toEqual([]);
  });
});
