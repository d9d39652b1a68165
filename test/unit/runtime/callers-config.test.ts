import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { readConfig, type Config } from '#runtime/config/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'gcc-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(ca: string): Config['ca'] {
  const path = join(folder, 'garrison.yaml');
  writeFileSync(path, `ca:\n${ca.replaceAll(/^/gm, '  ')}\n`);
  return readConfig({ path, env: {}, cwd: folder }).ca;
}

const cluster = 'tokenReview: https://10.0.0.1:6443, ca: ./ca.pem, token: ./token';

describe('who may call, beside join token and current SVID', () => {
  test('is nobody where nothing is said', () => {
    expect(read('x509Ttl: 1h')).toMatchObject({
      callers: { oidc: [], kubernetes: [], xfcc: undefined },
      nodes: { x509pop: undefined, k8sPsat: undefined },
    });
  });

  test('is who is named', () => {
    const { callers, nodes } = read(`callers:
  oidc:
    - { issuer: https://a.example, audiences: [x], jwks: ./jwks.json }
    - { issuer: https://b.example, audiences: [x], jwksUri: https://b.example/keys, identity: "/ci/{sub}" }
  kubernetes: [ { ${cluster} }, { cluster: east, ${cluster}, audiences: [y] } ]
  xfcc: { from: [10.0.0.0/8, "fd00::1"], proxies: [spiffe://cluster.local/gw] }
  keys: { allow: [localhost] }
nodes:
  x509pop: { authorities: ./machines.pem }
  k8sPsat: { clusters: [ { ${cluster}, serviceAccounts: ["garrison:agent"] } ] }`);
    expect(callers.oidc[0]).toMatchObject({ jwks: join(folder, 'jwks.json'), identity: undefined });
    expect(callers.kubernetes).toMatchObject([
      {
        cluster: 'Kubernetes',
        tokenReview: 'https://10.0.0.1:6443/apis/authentication.k8s.io/v1/tokenreviews',
        ca: join(folder, 'ca.pem'),
        audiences: ['istio-ca'],
      },
      { cluster: 'east', audiences: ['y'] },
    ]);
    expect(callers.xfcc?.from).toEqual(['10.0.0.0/8', 'fd00::1']);
    expect(nodes.x509pop?.authorities).toBe(join(folder, 'machines.pem'));
    expect(nodes.k8sPsat?.clusters[0]).toMatchObject({ audiences: ['garrison'], serviceAccounts: ['garrison:agent'] });
  });

  test.each([
    'callers: { oidc: [ { issuer: a } ] }',
    'callers: { oidc: [ { issuer: a, audiences: [] } ] }',
    'callers: { oidc: [ { issuer: a, audiences: [x], jwks: f, jwksUri: https://a } ] }',
    'callers: { oidc: [ { issuer: a, audiences: [x] }, { issuer: a, audiences: [y] } ] }',
    'callers: { oidc: [ { issuer: a, audiences: [x], identity: "/{sub}" } ] }',
    'callers: { oidc: [ { issuer: a, audiences: [x], jwksUri: "file:///x" } ] }',
    `callers: { kubernetes: [ { ${cluster} }, { ${cluster} } ] }`,
    'callers: { kubernetes: [ { tokenReview: http://10.0.0.1, ca: a, token: b } ] }',
    'callers: { xfcc: { from: [] } }',
    'callers: { xfcc: { from: [localhost] } }',
    'callers: { xfcc: { from: [10.0.0.1], proxies: [gw] } }',
    `nodes: { k8sPsat: { clusters: [ { ${cluster} } ] } }`,
    `nodes: { k8sPsat: { clusters: [ { ${cluster}, serviceAccounts: [agent] } ] } }`,
    'nodes: { x509pop: {} }',
  ])('is refused: %s', (text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
