import { createHash, randomBytes, verify } from 'node:crypto';
import { challengeBytes, proofOfPossession } from '#ca/node-proof.ts';
import { dnsTag, readAltNames, type Certificate } from '#ca/certificate/read-certificate.ts';
import { verifyPath, type VerifiedPath } from '#ca/certificate/verify-path.ts';
import { oids } from '#ca/der/oids.ts';
import { DerReader } from '#ca/der/read.ts';
import { tags } from '#ca/der/tags.ts';
import { signatureHash } from '#ca/keys/signer.ts';
import { parseSpiffeId, type TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { selector, type AttestedNode } from './attested-node.ts';
import type { PemFile } from './pem-file.ts';

/** A chain that leads to a configured authority, and what its first key must sign to show that it is there. */
export interface MachineChallenge {
  readonly challenge: Buffer;
  /** Throws unless the key of the very certificate that was verified has made this signature. */
  check(answer: Uint8Array): AttestedNode;
}

export function challengeMachine(
  chain: readonly Uint8Array[],
  csr: Uint8Array,
  { authorities, trustDomain, now }: { authorities: PemFile; trustDomain: TrustDomain; now: Date },
): MachineChallenge {
  const path = verifyPath(chain, authorities.read(), now);
  const challenge = randomBytes(challengeBytes);
  const { type, key } = path.leaf.publicKey;
  return {
    challenge,
    check: (answer) => {
      if (!verify(signatureHash(type), proofOfPossession(challenge, csr), key, answer)) {
        throw new GarrisonError('UNAUTHENTICATED', 'the challenge was not signed with the key of the certificate');
      }
      return nodeOf(path, trustDomain);
    },
  };
}

function nodeOf({ leaf, issuers }: VerifiedPath, trustDomain: TrustDomain): AttestedNode {
  const fingerprint = sha256(leaf.der);
  return {
    id: parseSpiffeId(`spiffe://${trustDomain}/garrison/node/x509pop/${fingerprint}`),
    caller: `x509pop:${fingerprint}`,
    selectors: [
      `x509pop:fingerprint:${fingerprint}`,
      ...selector('x509pop:subject:cn', commonNameOf(leaf.parsed)),
      ...dnsNamesOf(leaf.parsed).flatMap((name) => selector('x509pop:san:dns', name)),
      ...issuers.map((der) => `x509pop:ca:fingerprint:${sha256(der)}`),
    ],
  };
}

/** The common name, where there is exactly one: of two, readers take different ones. */
function commonNameOf({ tbs }: Certificate): string | undefined {
  const name = new DerReader(tbs.subject, 'subject').enter(tags.sequence, 'subject');
  const found: string[] = [];
  while (!name.done) {
    const set = name.enter(tags.set, 'relativeDistinguishedName');
    while (!set.done) {
      const attribute = set.enter(tags.sequence, 'attribute');
      const isCommonName = attribute.oid('type') === oids.commonName;
      const { content } = attribute.next();
      if (isCommonName) found.push(Buffer.from(content).toString('latin1'));
    }
  }
  return found.length === 1 ? found[0] : undefined;
}

function dnsNamesOf({ tbs: { extensions } }: Certificate): string[] {
  const names = extensions.get(oids.subjectAltName);
  if (names === undefined) return [];
  return readAltNames(names.value).flatMap(({ tag, text }) => (tag === dnsTag ? [text] : []));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
