import { TrustClient, type TrustBundle } from '#proto/gen/garrison/v1/identity.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { staticIdentity, type Identity } from '#runtime/identity-source.ts';
import type { RunningCa } from './running-ca.ts';
import { Messages } from './stream-messages.ts';

/** What an authority says of trust to this caller, first; undefined where it does not let it in. */
export async function hearTrust({ ca }: RunningCa, identity: Identity): Promise<TrustBundle | undefined> {
  const security = { kind: 'tls', identity: staticIdentity(identity), expect: () => true } as const;
  const client = grpcClient(TrustClient, ca.addresses.ca, security);
  try {
    using messages = new Messages<TrustBundle>(client.watchBundle({}, { deadline: Date.now() + 5000 }));
    return await messages.next();
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}
