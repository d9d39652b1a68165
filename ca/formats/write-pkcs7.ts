import { oids } from '../der/oids.ts';
import { contextTag } from '../der/tags.ts';
import { element, oid, sequence, setOf, smallInteger } from '../der/write.ts';

/** Certificates as a PKCS#7 SignedData that nobody signed, which is how other tools carry chains (RFC 2315 §9.1). */
export function writePkcs7(certificates: readonly Uint8Array[]): Uint8Array {
  const signed = sequence(
    smallInteger(1),
    setOf(),
    sequence(oid(oids.pkcs7Data)),
    // Not sorted: the order is the chain's, and every reader keeps it.
    element(contextTag(0), ...certificates),
    setOf(),
  );
  return sequence(oid(oids.pkcs7SignedData), element(contextTag(0), signed));
}
