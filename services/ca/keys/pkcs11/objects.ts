import { attributes, classes, keyKinds } from './codes.ts';
import type { Module } from './module.ts';
import { encodeQuery, encodeTemplate, lengthsOf, unsignedLong, type Template } from './template.ts';
import type { Session } from './session.ts';
import type { PublicKey } from '#ca/keys/public-key.ts';
import { DerReader } from '#ca/der/read.ts';
import { tags } from '#ca/der/tags.ts';
import { octetString } from '#ca/der/write.ts';

const mostFound = 16;

export async function findObjects(module: Module, { handle }: Session, template: Template): Promise<bigint[]> {
  const encoded = encodeTemplate(template);
  await module.call('findObjectsInit', handle, encoded, encoded.count);
  try {
    const found = Buffer.alloc(8 * mostFound);
    const count = unsignedLong();
    await module.call('findObjects', handle, found, mostFound, count);
    return Array.from({ length: Number(count.readBigUInt64LE()) }, (_, index) => found.readBigUInt64LE(8 * index));
  } finally {
    await module.call('findObjectsFinal', handle);
  }
}

export async function readAttribute(
  module: Module,
  { handle }: Session,
  object: bigint,
  type: number,
): Promise<Buffer> {
  const asked = encodeQuery([type], [0]);
  await module.call('getAttributeValue', handle, object, asked, 1);
  const query = encodeQuery([type], lengthsOf(asked));
  await module.call('getAttributeValue', handle, object, query, 1);
  return query.values[0] ?? Buffer.alloc(0);
}

/** The private key that belongs to a public one. Tokens tie the two together by CKA_ID. */
export async function findPrivateKey(module: Module, session: Session, key: PublicKey): Promise<bigint | undefined> {
  for (const template of publicTemplates(key)) {
    for (const object of await findObjects(module, session, template)) {
      const id = await readAttribute(module, session, object, attributes.id);
      const [found] = await findObjects(module, session, [
        [attributes.class, classes.privateKey],
        [attributes.id, id],
      ]);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** What a public key looks like on a token. CKA_EC_POINT is an OCTET STRING by the standard and bare on some tokens. */
export function publicTemplates({ type, bits }: PublicKey): readonly Template[] {
  const start = [[attributes.class, classes.publicKey] as const];
  if (type !== 'rsa') {
    const kind = [attributes.keyType, keyKinds.ec] as const;
    return [octetString(bits), bits].map((point) => [...start, kind, [attributes.ecPoint, point] as const]);
  }
  const numbers = new DerReader(bits, 'RSA key').enter(tags.sequence, 'rsaPublicKey');
  const modulus = numbers.unsignedInteger('modulus');
  return [[...start, [attributes.keyType, keyKinds.rsa], [attributes.modulus, modulus]]];
}
