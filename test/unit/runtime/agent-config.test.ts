import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { type AgentConfig, readAgentConfig } from '#runtime/config/agent-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'gac-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string): AgentConfig {
  const file = join(folder, 'agent.yaml');
  writeFileSync(file, text);
  return readAgentConfig(file);
}

describe('the file of an agent', () => {
  test('needs only a way of joining; everything else has a default beside the file', () => {
    expect(read('join: { token: ./token }')).toEqual({
      file: join(folder, 'agent.yaml'),
      ca: [{ host: '127.0.0.1', port: 15012 }],
      join: { kind: 'token', token: join(folder, 'token') },
      workloadApi: join(folder, '.garrison-agent/workload.sock'),
      workloadApiAccess: 'everyone',
      workloadApiTcp: undefined,
      admin: { host: '127.0.0.1', port: 15044 },
      state: join(folder, '.garrison-agent'),
      cache: { svids: 1000, tokens: 1000 },
      attestors: { systemd: undefined, docker: undefined, k8s: undefined },
      drainMs: 5000,
      logLevel: 'info',
    });
  });

  test.each([
    [
      'join: { x509pop: { certificate: c.pem, key: k.pem }, bundle: b.pem }',
      {
        kind: 'x509pop',
        certificate: join(folder, 'c.pem'),
        key: join(folder, 'k.pem'),
        bundle: join(folder, 'b.pem'),
      },
    ],
    [
      'join: { k8sPsat: { cluster: prod, token: t }, bundle: b.pem }',
      { kind: 'k8sPsat', cluster: 'prod', token: join(folder, 't'), bundle: join(folder, 'b.pem') },
    ],
  ])('%s', (text, expected) => {
    expect(read(text).join).toEqual(expected);
  });

  test('names one authority, or several to be tried in turn', () => {
    const of = (ca: string): unknown => read(`join: { token: a }\nca: ${ca}`).ca;
    const [one, two] = [
      { host: 'a.test', port: 1 },
      { host: '::1', port: 2 },
    ];
    expect(of('a.test:1')).toEqual([one]);
    expect(of('[ a.test:1, "[::1]:2" ]')).toEqual([one, two]);
    expect(() => of('[]')).toThrow(/ca: /);
    expect(() => of('[ a.test:1, nowhere ]')).toThrow(/ca\[1\]: /);
  });

  test.each([
    ['', 'join'],
    ['join: {}', 'exactly one of'],
    ['join: { token: a, k8sPsat: { cluster: c, token: t } }', 'exactly one of'],
    ['join: { token: a, bundle: b }', 'says by itself which authority'],
    ['join: { x509pop: { certificate: c, key: k } }', 'needs `bundle`'],
    ['join: { token: a }\nworkloadApiTcp: 10.0.0.1:8081', 'loopback'],
    ['join: { token: a }\nsockets: x', 'sockets'],
    ['join: { token: a }\ncache: { svids: 0 }', 'cache.svids'],
  ])('%j is refused, with the reason', (text, reason) => {
    expect(() => read(text)).toThrow(reason);
  });
});
