import { oids } from '../der/oids.ts';
import { primitiveContextTag } from '../der/tags.ts';
import * as der from '../der/write.ts';

function extension(name: string, critical: boolean, value: Uint8Array): Uint8Array {
  const content = der.octetString(value);
  return critical ? der.sequence(der.oid(name), der.boolean(true), content) : der.sequence(der.oid(name), content);
}

const made = new Map<string, Uint8Array>();

/** The few values that depend on the kind of certificate alone are worked out once. */
function once(key: string, make: () => Uint8Array): Uint8Array {
  let value = made.get(key);
  if (value === undefined) made.set(key, (value = make()));
  return value;
}

export function basicConstraints(ca: boolean, pathLength?: number): Uint8Array {
  return once(`basicConstraints ${ca} ${pathLength ?? ''}`, () => makeBasicConstraints(ca, pathLength));
}

function makeBasicConstraints(ca: boolean, pathLength?: number): Uint8Array {
  const parts = ca ? [der.boolean(true), ...(pathLength === undefined ? [] : [der.smallInteger(pathLength)])] : [];
  return extension(oids.basicConstraints, true, der.sequence(...parts));
}

/** RFC 5280 §4.2.1.3. */
export const keyUsages = { digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5, cRLSign: 6 } as const;
export type KeyUsage = keyof typeof keyUsages;

export function keyUsage(usages: readonly KeyUsage[]): Uint8Array {
  return once(`keyUsage ${usages.join(' ')}`, () =>
    extension(oids.keyUsage, true, der.namedBits(usages.map((usage) => keyUsages[usage]))),
  );
}

export function serverAndClient(): Uint8Array {
  return extension(oids.extKeyUsage, false, der.sequence(der.oid(oids.serverAuth), der.oid(oids.clientAuth)));
}

export function subjectKeyId(id: Uint8Array): Uint8Array {
  return extension(oids.subjectKeyIdentifier, false, der.octetString(id));
}

export function authorityKeyId(id: Uint8Array): Uint8Array {
  const value = der.sequence(der.element(primitiveContextTag(0), id));
  return extension(oids.authorityKeyIdentifier, false, value);
}

export function subjectAltNames(uri: string, dnsNames: readonly string[], critical: boolean): Uint8Array {
  const uriName = der.element(primitiveContextTag(6), Buffer.from(uri, 'latin1'));
  const others = dnsNames.map((name) => der.element(primitiveContextTag(2), Buffer.from(name, 'latin1')));
  return extension(oids.subjectAltName, critical, der.sequence(uriName, ...others));
}
