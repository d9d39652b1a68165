import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { GarrisonError } from '#proto/errors/index.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { WorkloadEndpoint, x509Message } from '#test/fakes/workload-endpoint.ts';

// As a process: nothing but the pending `connect` is there to hold it alive.
const program = `
import { WorkloadIdentity } from ${JSON.stringify(resolve(import.meta.dirname, '../../../identity/index.ts'))};
const me = await WorkloadIdentity.connect({ onFault: ({ code }) => console.log(code) });
console.log(String(me.svid.id));
await me[Symbol.asyncDispose]();
`;

test.each(['away', 'not entitled'])(
  'a program waits for an endpoint: %s',
  async (kind) => {
    const web = await (await TestPki.create()).identity('spiffe://example.org/web');
    await using endpoint = new WorkloadEndpoint(new GarrisonError('PERMISSION_DENIED', 'no identity'));
    if (kind === 'not entitled') await endpoint.come();
    const env = { ...process.env, NODE_OPTIONS: '', SPIFFE_ENDPOINT_SOCKET: endpoint.address };
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { env });
    const exit = once(child, 'exit');
    const said: string[] = [];
    const twice = new Promise<void>((done) => {
      child.stdout.on('data', (text: Buffer) => {
        said.push(...text.toString().trim().split('\n'));
        if (said.length >= 2) done();
      });
    });
    // Two attempts have failed, so it has lived through the rest between them.
    await Promise.race([twice, exit]);
    endpoint.say(x509Message([web]));
    if (kind === 'away') await endpoint.come();
    expect(await exit).toEqual([0, null]);
    expect(said.at(-1)).toBe(web.spiffeId.toString());
  },
  30_000,
);
