import { describe, expect, test } from '@jest/globals';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import { readPin } from '#runtime/config/read-pin.ts';
import { type ExposedFile, readSecretFile } from '#runtime/config/read-secret-file.ts';
import { readConfig } from '#runtime/config/config.ts';
import { readSecrets } from '#runtime/config/secrets.ts';
import { showConfig } from '#runtime/config/show-config.ts';
import { readSidecarConfig } from '#runtime/config/sidecar-config.ts';

function fileWith(text: string): string {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'garrison-config-')), 'garrison.yaml');
  writeFileSync(file, text);
  return file;
}

const read = (text: string) => readConfig({ path: fileWith(text), env: {}, cwd: '/' });

function refusalOf(run: () => unknown): GarrisonError {
  try {
    run();
  } catch (error) {
    if (error instanceof GarrisonError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('garrison.yaml', () => {
  test('an absent file and an empty one are a working mesh on loopback', () => {
    const cwd = mkdtempSync(path.join(tmpdir(), 'garrison-config-'));
    const absent = readConfig({ env: {}, cwd });
    expect(absent).toMatchObject({
      file: undefined,
      trustDomain: 'cluster.local',
      profile: 'strict',
      policies: [path.join(cwd, 'policies')],
      policiesNamed: false,
      state: path.join(cwd, '.garrison'),
      ca: { listen: { host: '127.0.0.1', port: 15_012 }, workloadApi: path.join(cwd, '.garrison/workload.sock') },
      authz: { listen: { host: '127.0.0.1', port: 9091 }, local: undefined, admin: { port: 15_024 } },
      telemetry: { listen: { host: '127.0.0.1', port: 9092 }, http: { port: 8182 }, admin: { port: 15_034 } },
    });
    writeFileSync(path.join(cwd, 'garrison.yaml'), '# nothing\n');
    expect({ ...readConfig({ env: {}, cwd }), file: undefined }).toEqual(absent);
  });

  test('the path comes from the flag, else from the environment', () => {
    const [a, b] = [fileWith('trustDomain: a.test'), fileWith('trustDomain: b.test')];
    expect(readConfig({ path: a, env: { GARRISON_CONFIG: b }, cwd: '/' }).trustDomain).toBe('a.test');
    expect(readConfig({ env: { GARRISON_CONFIG: b }, cwd: '/' }).trustDomain).toBe('b.test');
    expect(refusalOf(() => readConfig({ path: '/nowhere/x.yaml', env: {}, cwd: '/' }))).toMatchObject({
      code: 'NOT_FOUND',
      message: 'there is no file `/nowhere/x.yaml`',
    });
  });

  test('key servers that are not public are named one by one', () => {
    const keys = (text: string) => read(`authz: { keys: ${text} }`).authz.keys;
    expect(read('').authz.keys).toEqual({ allow: [], authorities: undefined, maxStaleMs: 21_600_000 });
    expect(keys('{ allow: [idp.internal, 10.0.0.0/8, "fd00::/8", 127.0.0.1], maxStale: 1h }')).toMatchObject({
      allow: ['idp.internal', '10.0.0.0/8', 'fd00::/8', '127.0.0.1'],
      maxStaleMs: 3_600_000,
    });
    for (const wrong of ['10.0.0', '127.1', 'a/b', '10.0.0.0/33', '*.example', '0x7f000001/8', '""']) {
      expect(refusalOf(() => keys(`{ allow: ["${wrong}"] }`)).code).toBe('INVALID_ARGUMENT');
    }
  });

  test('paths are relative to the file, and null turns off what may be off', () => {
    const file = fileWith(
      'state: ./s\npolicies: [p, /abs]\nauthz: { http: null, local: "unix:./a.sock" }\nca: { bundleEndpoint: null }',
    );
    const folder = path.dirname(file);
    const config = readConfig({ path: file, env: {}, cwd: '/' });
    expect(config.policies).toEqual([path.join(folder, 'p'), '/abs']);
    expect(config.ca.workloadApi).toBe(path.join(folder, 's/workload.sock'));
    expect(config.ca.bundleEndpoint).toBeUndefined();
    expect(config.authz.http).toBeUndefined();
    expect(config.authz.local).toEqual({ path: path.join(folder, 'a.sock') });
    expect(config.telemetry.accessLog?.file).toBe(path.join(folder, 's/access.log'));
  });

  // The bare minimum is right; then one thing is broken.
  test.each([
    ['trustDomian: x', 'unknown key `trustDomian`', 'did you mean `trustDomain`?', '1:1'],
    ['ca:\n  listne: 127.0.0.1:0', 'unknown key `listne`', 'did you mean `listen`?', '2:3'],
    ['trustDomain: Cluster.Local', 'trustDomain: trust domain `Cluster.Local` has capital letters', undefined, '1:14'],
    ['profile: lax', 'profile: must be one of `strict`, `istio`, not `lax`', undefined, '1:10'],
    [
      'profiles: { legacy: loose }',
      'profiles.legacy: must be one of `strict`, `istio`, not `loose`',
      undefined,
      '1:21',
    ],
    ['trustedHops: -1', 'trustedHops: `-1` is not between 0 and 100', undefined, '1:14'],
    ['authz: { listen: 9091 }', 'authz.listen: must be a string, not a number', undefined, '1:18'],
    ['authz: { listen: "127.0.0.1:99999" }', 'authz.listen: `127.0.0.1:99999` is not an address', undefined, '1:18'],
    ['authz: { local: "0.0.0.0:9191" }', 'authz.local: plaintext is served on this host only', undefined, '1:17'],
    ['telemetry: { local: "10.0.0.1:1" }', 'telemetry.local: plaintext is served on this host only', undefined, '1:21'],
    ['policies: ./policies', 'policies: must be a list, not', undefined, '1:11'],
    ['ca: { x509Ttl: 1 }', 'ca.x509Ttl: `1` is not a duration', undefined, '1:16'],
    ['- a', 'must be a mapping', undefined, '1:1'],
    ['{}\n---\n{}', 'a second document in the file', undefined, '3:1'],
  ])('%j is refused with its place', (text, message, remedy, at) => {
    const refusal = refusalOf(() => read(text));
    expect(refusal.code).toBe('INVALID_ARGUMENT');
    expect(refusal.message).toContain(message);
    expect(refusal.place).toMatch(new RegExp(`garrison.yaml:${at}$`));
    if (remedy !== undefined) expect(refusal.remedy).toBe(remedy);
  });

  test('all faults are told at once', () => {
    const { message } = refusalOf(() => read('profil: strict\nauthz: { local: "1.2.3.4:1" }'));
    expect(message).toMatch(/^2 faults in `.*garrison.yaml`:\n/);
    expect(message).toContain(':1:1: ');
    expect(message).toContain(':2:17: authz.local: ');
  });

  test('a passphrase is read from its file and is no part of what is shown', () => {
    const file = fileWith('passphraseFile: ./phrase');
    writeFileSync(path.join(path.dirname(file), 'phrase'), 'correct horse\n', { mode: 0o600 });
    const config = readConfig({ path: file, env: {}, cwd: '/' });
    const told: ExposedFile[] = [];
    expect(readSecrets(config, (exposed) => told.push(exposed))).toEqual({ passphrase: 'correct horse' });
    expect(told).toEqual([]);
    expect(JSON.stringify(showConfig(config))).not.toContain('correct horse');
    expect(showConfig(config)).toMatchObject({ ca: { listen: '127.0.0.1:15012' } });
    const nowhere = { ...config, passphraseFile: '/nowhere' };
    expect(refusalOf(() => readSecrets(nowhere, () => undefined)).place).toBe('passphraseFile');
  });

  test.each([0o604, 0o640, 0o620, 0o666])('a file with a secret and mode %i (decimal) is read, and told of', (mode) => {
    const file = fileWith('secret\n');
    const told: ExposedFile[] = [];
    const tell = (exposed: ExposedFile): unknown => told.push(exposed);
    const config = { ...read(''), passphraseFile: file };
    chmodSync(file, mode);
    expect(readSecrets(config, tell)).toEqual({ passphrase: 'secret' });
    expect(readPin({ file }, tell)).toBe('secret');
    expect(readSecretFile({ file, holds: 'password', place: 'ca.databasePasswordFile' }, tell)).toBe('secret');
    const exposed = { file, mode: `0${mode.toString(8)}`, remedy: `\`chmod 600 ${file}\`` };
    expect(told).toEqual(
      ['passphraseFile', 'ca.keys.pin', 'ca.databasePasswordFile'].map((setting) => ({ setting, ...exposed })),
    );
    chmodSync(file, 0o600);
    readSecrets(config, () => expect(true).toBe(false));
  });
});

describe('a sidecar’s file', () => {
  const minimum = 'workload: { name: reviews-v1 }\nidentity: { workloadApi: ./w.sock }\n';

  test('the bare minimum', () => {
    const file = fileWith(minimum);
    expect(readSidecarConfig(file)).toMatchObject({
      workload: { namespace: 'default', name: 'reviews-v1', serviceAccount: 'default', gateway: false },
      identity: { workloadApi: path.join(path.dirname(file), 'w.sock') },
      authz: { host: '127.0.0.1', port: 9091 },
      inbound: [],
      outbound: undefined,
      failOpen: false,
    });
  });

  test('everything', () => {
    const file = fileWith(`
workload: { namespace: n, name: w, serviceAccount: s, labels: { app: reviews, version: v1 } }
identity: { ca: 127.0.0.1:15012, token: ./token }
authz: 127.0.0.1:1
telemetry: 127.0.0.1:2
inbound: [ { listen: 127.0.0.1:3, app: 127.0.0.1:4 } ]
outbound: { listen: 127.0.0.1:5 }
admin: 127.0.0.1:6
failOpen: true
`);
    expect(readSidecarConfig(file)).toMatchObject({
      workload: {
        labels: new Map([
          ['app', 'reviews'],
          ['version', 'v1'],
        ]),
      },
      identity: { ca: { port: 15_012 }, token: path.join(path.dirname(file), 'token') },
      inbound: [{ listen: { port: 3 }, app: { port: 4 }, protocol: 'auto' }],
      outbound: { listen: { port: 5 } },
      failOpen: true,
    });
  });

  test('the page about addresses shows what can be read', () => {
    const page = readFileSync(path.join(import.meta.dirname, '../../../docs/client-addresses.md'), 'utf8');
    const shown = /```yaml\n([^`]*)```/.exec(page)?.[1] ?? '';
    expect(readSidecarConfig(fileWith(`${minimum}${shown}`)).inbound).toMatchObject([
      { protocol: 'auto', proxyProtocol: { from: ['10.0.0.0/28'] } },
    ]);
  });

  test.each([
    ['identity: { workloadApi: ./w.sock }', 'workload: is missing'],
    ['workload: { name: w }\nidentity: { ca: 127.0.0.1:1 }', 'needs `workloadApi`, or `ca` and `token`'],
    [`${minimum}outbound: { listen: 0.0.0.0:15001 }`, 'plaintext is served on this host only'],
    [`${minimum}inbound: [ { listen: 127.0.0.1:1 } ]`, 'inbound[0].app: is missing'],
    [
      `${minimum}inbound: [ { listen: 127.0.0.1:3, app: 127.0.0.1:4 }, { listen: 127.0.0.1:5, app: 127.0.0.1:3 } ]`,
      'inbound[0].listen: port 3 is also that of another application, `inbound[1].app`: a rule for it would mean both',
    ],
    [`${minimum}failopen: true`, 'unknown key `failopen`'],
    [
      'workload: { namespace: n, name: w }\nidentity: { workloadApi: ./w }\ninbound: [{ listen: 127.0.0.1:3, app: 127.0.0.1:4, proxyProtocol: {} }]',
      'from',
    ],
    [
      'workload: { namespace: n, name: w }\nidentity: { workloadApi: ./w }\ninbound: [{ listen: 127.0.0.1:3, app: 127.0.0.1:4, proxyProtocol: { from: [] } }]',
      'from',
    ],
    [
      'workload: { namespace: n, name: w }\nidentity: { workloadApi: ./w }\ninbound: [{ listen: 127.0.0.1:3, app: 127.0.0.1:4, proxyProtocol: { from: [localhost] } }]',
      'is no IP address or CIDR block',
    ],
    [
      'workload: { namespace: n, name: w }\nidentity: { workloadApi: ./w }\ninbound: [{ listen: 127.0.0.1:3, app: 127.0.0.1:4, proxyProtocol: { from: [10.0.0.0/33] } }]',
      'is no IP address or CIDR block',
    ],
    [
      'workload: { namespace: n, name: w }\nidentity: { workloadApi: ./w }\ninbound: [{ listen: unix:./s, app: 127.0.0.1:4, proxyProtocol: { from: [10.0.0.1] } }]',
      'who connects to a unix socket has no address',
    ],
  ])('%j is refused', (text, message) => {
    expect(refusalOf(() => readSidecarConfig(fileWith(text))).message).toContain(message);
  });
});
