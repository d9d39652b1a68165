import { GarrisonError } from '#proto/errors/index.ts';
import { readIssuer, type Issuer } from './issuer.ts';

export interface GivenChain {
  /** Signs leaves; the root itself where it is one. */
  readonly issuing: Issuer;
  /** DER of what stands between it and the root, the nearest first. */
  readonly above: readonly Uint8Array[];
  readonly root: Issuer;
}

/**
 * Takes apart a chain of authorities that somebody else made: each signed by the next, all valid now, path lengths kept,
 * and the last one under one of the roots (RFC 5280 §6.1). Throws with the first thing that is wrong.
 */
export function checkChain(certificates: readonly Uint8Array[], roots: readonly Uint8Array[], now: Date): GivenChain {
  const anchors = roots.map(readIssuer);
  const chain = certificates.map(readIssuer);
  // Many a chain file ends with its root.
  while (chain.length > 1 && anchors.some((root) => sameBytes(root.der, chain.at(-1)?.der))) chain.pop();
  const [issuing, ...above] = chain;
  if (issuing === undefined) throw broken('holds no certificate');
  const itself = anchors.find(({ der }) => sameBytes(der, issuing.der));
  const root = itself ?? anchors.find((anchor) => signed(anchor, chain.at(-1) ?? issuing));
  if (root === undefined)
    throw broken(`does not lead to ${roots.length === 1 ? 'the root' : `any of the ${roots.length} roots`}`);
  for (const [index, issuer] of above.entries()) {
    const below = chain[index] ?? issuing;
    if (!signed(issuer, below)) throw broken(`breaks: \`${nameOf(below)}\` was not signed by \`${nameOf(issuer)}\``);
  }
  const path = itself === undefined ? [...chain, root] : [issuing];
  for (const [below, one] of path.entries()) {
    if (now < one.validity.notBefore || now > one.validity.notAfter)
      throw broken(`is not valid now: \`${nameOf(one)}\``);
    if (one.pathLength !== undefined && one.pathLength < below) {
      throw broken(`is longer than \`${nameOf(one)}\` allows`);
    }
  }
  return { issuing, above: above.map(({ der }) => der), root };
}

function signed(issuer: Issuer, below: Issuer): boolean {
  return below.certificate.checkIssued(issuer.certificate) && below.certificate.verify(issuer.publicKey.key);
}

function nameOf({ certificate }: Issuer): string {
  return certificate.subject.replaceAll('\n', ', ').slice(0, 200);
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}

function broken(why: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `the chain of the authority ${why}`, {
    remedy: 'give the issuing certificate first, then each one’s issuer, and the roots apart',
  });
}
