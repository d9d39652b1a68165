import { oids } from '../der/oids.ts';
import { contextTag } from '../der/tags.ts';
import * as der from '../der/write.ts';
import * as write from '../certificate/write-extensions.ts';
import type { PublicKey } from '../keys/public-key.ts';
import { signatureAlgorithm } from '../keys/signer.ts';
import type { SpiffeId } from '../spiffe-id.ts';
import { keyIdOf, type Issuer } from './issuer.ts';
import { profiles, type ProfileName } from './profiles.ts';
import { serialToBytes, type SerialHex } from './serial.ts';
import type { Validity } from './validity.ts';

/** Everything a certificate will say. Lint and validation hold the bytes against this. */
export interface CertificatePlan {
  readonly profile: ProfileName;
  readonly serial: SerialHex;
  readonly id: SpiffeId;
  readonly dnsNames: readonly string[];
  /** Common name of an authority; empty for a leaf. */
  readonly commonName: string;
  readonly validity: Validity;
  readonly subjectKey: PublicKey;
  /** Undefined: self-signed. */
  readonly issuer: Issuer | undefined;
  /** How many authorities may stand below this one; undefined: as the profile says. */
  readonly pathLength?: number | undefined;
}

export interface Prepared {
  readonly plan: CertificatePlan;
  readonly tbs: Uint8Array;
}

const version3 = der.element(contextTag(0), der.smallInteger(2));
const serverAndClient = write.serverAndClient();

/** Step one of issuing: plan → the bytes to be signed. Judges nothing; that is the lint's work. */
export function prepare(plan: CertificatePlan): Prepared {
  const { issuer, subjectKey, validity } = plan;
  const subject = nameOf(plan.commonName);
  const tbs = der.sequence(
    version3,
    der.unsignedInteger(serialToBytes(plan.serial)),
    signatureAlgorithm((issuer?.publicKey ?? subjectKey).type),
    issuer?.subject ?? subject,
    der.sequence(der.time(validity.notBefore), der.time(validity.notAfter)),
    subject,
    subjectKey.spki,
    der.element(contextTag(3), der.sequence(...extensionsOf(plan))),
  );
  return { plan, tbs };
}

function extensionsOf(plan: CertificatePlan): Uint8Array[] {
  const profile = profiles[plan.profile];
  const subjectKeyId = keyIdOf(plan.subjectKey);
  return [
    write.basicConstraints(profile.ca, plan.pathLength ?? profile.pathLength),
    write.keyUsage(profile.usages(plan.subjectKey.type)),
    ...(profile.serverAndClient ? [serverAndClient] : []),
    write.subjectKeyId(subjectKeyId),
    write.authorityKeyId(plan.issuer?.keyId ?? subjectKeyId),
    // RFC 5280 §4.1.2.6: with an empty subject the alternative names are all there is, hence critical.
    write.subjectAltNames(plan.id.toString(), plan.dnsNames, plan.commonName === ''),
  ];
}

function nameOf(commonName: string): Uint8Array {
  if (commonName === '') return der.sequence();
  const part = (type: string, text: string): Uint8Array => der.setOf(der.sequence(der.oid(type), der.utf8String(text)));
  return der.sequence(part(oids.organizationName, 'Garrison'), part(oids.commonName, commonName));
}
