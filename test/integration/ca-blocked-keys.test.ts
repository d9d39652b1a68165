import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { writeRequest } from '#ca/csr/write-request.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { runCa } from '#test/fakes/running-ca.ts';

const folder = mkdtempSync(join(tmpdir(), 'gbk-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a key on the operators’ list is certified for nobody, whoever asks', async () => {
  const [leaked, sound] = [1, 2].map(() => keySigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey));
  const blockedKeys = join(folder, 'blocked');
  writeFileSync(blockedKeys, createHash('sha256').update(leaked!.publicKey.spki).digest('hex'));
  await using running = await runCa({ settings: { blockedKeys } });
  const client = grpcClient(IdentityAdminClient, { path: join(running.state, adminSocket) }, { kind: 'plaintext' });
  const mint = async (signer: typeof leaked): Promise<unknown> => {
    const csr = Buffer.from(await writeRequest(signer!));
    const request = { spiffeId: 'spiffe://example.org/ns/shop/sa/cart', dnsNames: [], ttlSeconds: 0, csr };
    return callUnary(client.mint.bind(client), request);
  };
  try {
    await expect(mint(leaked)).rejects.toThrow(/certified no more/);
    await mint(sound);
  } finally {
    client.close();
  }
});
