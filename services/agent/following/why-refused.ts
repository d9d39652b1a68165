import { TrustClient, type TrustBundle } from '#proto/gen/garrison/v1/identity.ts';
import { encodePem } from '#ca/pem.ts';
import type { Address } from '#runtime/address.ts';
import type { Clock } from '#runtime/clock.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { isAuthority } from '#runtime/identity/request-certificate.ts';
import { whyWorthless } from '#runtime/identity/why-worthless.ts';

const timeoutMs = 3000;

/**
 * An authority that does not accept a certificate closes the connection and says nothing. What it says to everybody, whom
 * to trust and what is revoked, is asked for without showing a certificate. Undefined where that is not the reason, or
 * where the authority is just away.
 */
export async function whyRefused(ca: Address, own: Identity, clock: Clock): Promise<string | undefined> {
  const client = grpcClient(TrustClient, ca, { kind: 'tls', bundle: own.bundle, expect: isAuthority });
  const call = client.watchBundle({}, { deadline: clock.now().getTime() + timeoutMs });
  try {
    for await (const message of call) return judge(message as TrustBundle, own);
    return undefined;
  } catch {
    return undefined;
  } finally {
    call.cancel();
    client.close();
  }
}

function judge({ roots, revoked, refused }: TrustBundle, own: Identity): string | undefined {
  const why = whyWorthless({ ...own, bundle: pems(roots), revoked: new Set(revoked), refused: pems(refused) });
  return why === undefined ? undefined : `the certificate of this node ${why}`;
}

function pems(ders: readonly Uint8Array[]): string[] {
  return ders.map((der) => encodePem('CERTIFICATE', der));
}
