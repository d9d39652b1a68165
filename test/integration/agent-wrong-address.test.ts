import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { formatJoinToken } from '#ca/join-token.ts';
import { Command, folderWith } from '#test/fakes/command.ts';
import { machineAuthority, machineCertificate, privateKeyOf } from '#test/fakes/machine-pki.ts';
import { agentFile } from '#test/fakes/running-agent.ts';

const folder = folderWith({});
let web: Server;

beforeAll(async () => {
  const root = await machineAuthority();
  const machine = await machineCertificate({ issuer: root });
  writeFileSync(join(folder, 'root.pem'), root.pem);
  writeFileSync(join(folder, 'machine.pem'), machine.pem);
  writeFileSync(join(folder, 'machine-key.pem'), await privateKeyOf(machine), { mode: 0o600 });
  writeFileSync(join(folder, 'token'), formatJoinToken(randomBytes(32), randomBytes(100)));
  chmodSync(join(folder, 'token'), 0o600);
  web = createServer((_, response) => response.end('a web server')).listen(0, '127.0.0.1');
  await once(web, 'listening');
});
afterAll(() => {
  web.closeAllConnections();
  web.close();
});

const byToken = '{ token: ./token }';
const byMachine = '{ x509pop: { certificate: machine.pem, key: machine-key.pem }, bundle: root.pem }';

test.each([
  ['nobody', byToken, 'connect ECONNREFUSED 127.0.0.1:1'],
  ['nobody', byMachine, 'connect ECONNREFUSED 127.0.0.1:1'],
  ['a web server', byToken, 'wrong version number'],
  ['a web server', byMachine, 'wrong version number'],
])(
  'where %s listens at `ca`, an agent that joins by %s says so in one line, and waits',
  async (who, way, reason) => {
    const ca = { host: '127.0.0.1', port: who === 'nobody' ? 1 : (web.address() as AddressInfo).port };
    writeFileSync(join(folder, 'agent.yaml'), agentFile(ca, way));
    await using agent = new Command(['agent', '--config', 'agent.yaml'], { cwd: folder });
    if (agent.child.stderr === null) throw new Error('no pipe');
    const [first] = (await once(createInterface({ input: agent.child.stderr }), 'line')) as [string];
    expect(JSON.parse(first)).toMatchObject({
      level: 'warn',
      event: 'waiting for the certificate authority',
      error: {
        code: 'UNAVAILABLE',
        message: expect.stringMatching(
          new RegExp(`^the authority at \`127.0.0.1:${ca.port}\` cannot be reached \\(.*${reason}.*\\)$`),
        ),
        remedy: 'start it, or correct its address',
      },
    });
    const { stderr } = await agent.end();
    expect(stderr).not.toContain('.ts:');
    expect(stderr.trim().split('\n')).toEqual([first]);
  },
  30_000,
);
