import { X509Certificate } from 'node:crypto';
import { TrustClient, type TrustBundle } from '#proto/gen/garrison/v1/identity.ts';
import { serialOf } from '#ca/issue/serial.ts';
import { encodePem } from '#ca/pem.ts';
import type { Address } from '#runtime/address.ts';
import type { Clock } from '#runtime/clock.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { whyNotBelieved } from '#runtime/refused-authorities.ts';
import { standsOnSand } from '#runtime/identity/is-spent.ts';
import { isAuthority } from '#runtime/identity/request-certificate.ts';

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
  const serial = serialOf(new X509Certificate(own.certificates[0] ?? ''));
  if (revoked.includes(serial)) return 'the certificate of this node was revoked';
  const bundle = pems(roots);
  if (standsOnSand(own, { bundle, tainted: [] })) {
    return 'the certificate of this node stands on a root that is trusted no more';
  }
  const shown = own.certificates.map((pem) => new X509Certificate(pem));
  const why = whyNotBelieved(shown, { bundle, refused: pems(refused) });
  return why === undefined ? undefined : `the certificate of this node is refused: ${why}`;
}

function pems(ders: readonly Uint8Array[]): string[] {
  return ders.map((der) => encodePem('CERTIFICATE', der));
}
