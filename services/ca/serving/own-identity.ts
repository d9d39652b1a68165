import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { serialOf } from '#ca/issue/serial.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { encodePem } from '#ca/pem.ts';
import { parseSpiffeId, type TrustDomain } from '#ca/spiffe-id.ts';
import type { Clock } from '#runtime/clock.ts';
import { RenewingIdentity } from '#runtime/identity/renewing-identity.ts';
import type { Identity } from '#runtime/identity-source.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { IssuingDesk } from '../issuing/desk.ts';
import type { Revocations } from '../revocations.ts';

export interface OwnIdentityOptions {
  readonly desk: IssuingDesk;
  readonly authorities: Authorities;
  readonly revocations: Revocations;
  readonly trustDomain: TrustDomain;
  readonly serverNames: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
}

/** The certificate the CA's own server shows: issued in process, on the record like any other. */
export async function ownIdentity(options: OwnIdentityOptions): Promise<RenewingIdentity> {
  const { authorities, revocations, clock, logger, random } = options;
  const issue = (): Promise<Identity> => issueOwn(options);
  const identity = new RenewingIdentity(await issue(), { clock, logger, random, renew: issue });
  const retrust = (): void =>
    identity.replaceTrust({
      bundle: pems(authorities.bundle()),
      revoked: revocations.serials,
      refused: pems(revocations.refused(authorities)),
    });
  authorities.onChange(() => {
    retrust();
    identity.renewWhere(({ certificates }) => !same(certificates.slice(1), pems(authorities.active().chain)));
  });
  revocations.onChange(() => {
    retrust();
    const isRevoked = ({ certificates: [leaf = ''] }: Identity): boolean =>
      revocations.serials.has(serialOf(new X509Certificate(leaf)));
    identity.renewWhere(isRevoked);
  });
  retrust();
  return identity;
}

/** What its own server is called. */
export function ownDnsNames(serverNames: readonly string[]): readonly string[] {
  return [...new Set(['localhost', ...serverNames])];
}

async function issueOwn({ desk, authorities, trustDomain, serverNames }: OwnIdentityOptions): Promise<Identity> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = parseSpiffeId(`spiffe://${trustDomain}/garrison/ca`);
  const dnsNames = ownDnsNames(serverNames);
  const { publicKey } = keySigner(privateKey);
  const leaf = await desk.issue({ id, dnsNames, publicKey }, { caller: 'self', grant: 'self' });
  return {
    spiffeId: id,
    // With the root: a client that holds a join token knows the root's hash and must see the root to check it.
    certificates: pems(leaf.chain),
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    bundle: pems(authorities.bundle()),
    expiresAt: leaf.notAfter,
  };
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.join() === b.join();
}

function pems(ders: readonly Uint8Array[]): string[] {
  return ders.map((der) => encodePem('CERTIFICATE', der));
}
