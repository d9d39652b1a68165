import { join } from 'node:path';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';

/** One join token for each name, made on the socket that only the owner of the state folder may open. */
export async function createTokens(state: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const client = grpcClient(IdentityAdminClient, { path: join(state, adminSocket) }, { kind: 'plaintext' });
  try {
    const made = names.map(async (name) => {
      const request = { spiffeId: '', name, dnsNames: [], ttlSeconds: 0 };
      return [name, (await callUnary(client.createToken.bind(client), request)).token] as const;
    });
    return new Map(await Promise.all(made));
  } finally {
    client.close();
  }
}
