import { randomBytes } from 'node:crypto';
import { oids } from '#ca/der/oids.ts';
import { DerReader } from '#ca/der/read.ts';
import { tags } from '#ca/der/tags.ts';
import { bitString, oid, sequence } from '#ca/der/write.ts';
import { readPublicKey, type PublicKey } from '#ca/keys/public-key.ts';
import type { Signer } from '#ca/keys/signer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { FreshKey, KeyPlace, KeyRole, KeyStore } from '../key-store.ts';
import { attributes, classes, keyKinds, mechanisms } from './codes.ts';
import type { Module } from './module.ts';
import { findObjects, findPrivateKey, publicTemplates, readAttribute } from './objects.ts';
import { encodeTemplate, mechanism, unsignedLong } from './template.ts';
import type { Session } from './session.ts';
import type { Token } from './token.ts';
import { tokenSigner } from './token-signer.ts';

/** Keys that are made in a token and never leave it. */
export class Pkcs11KeyStore implements KeyStore {
  readonly #token: Token;
  readonly #label: string;

  /** The label is for people who look into the token; keys are found by their public halves. */
  constructor(token: Token, label: string) {
    this.#token = token;
    this.#label = label;
  }

  async make(role: KeyRole): Promise<FreshKey> {
    const key = await this.#token.use((session, module) => generate(module, session, `${this.#label} ${role}`));
    const signer = await this.#signer(key);
    if (signer === undefined) throw new GarrisonError('INTERNAL', 'the token lost the key that it has just made');
    return { signer, keep: () => Promise.resolve(), discard: () => this.#destroy(key) };
  }

  async open({ authority, role, key }: KeyPlace): Promise<Signer> {
    const signer = await this.#signer(key);
    if (signer !== undefined) return signer;
    const message = `the token has no ${role} key of the authority \`${authority}\``;
    throw new GarrisonError('FAILED_PRECONDITION', message, {
      place: 'ca.keys',
      remedy: 'plug in the token that the key was made in, or put the key file back',
    });
  }

  has({ key }: KeyPlace): Promise<boolean> {
    return this.#token.use(async (session, module) => (await findPrivateKey(module, session, key)) !== undefined);
  }

  remove({ key }: KeyPlace): Promise<void> {
    return this.#destroy(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#token[Symbol.asyncDispose]();
  }

  #signer(key: PublicKey): Promise<Signer | undefined> {
    return tokenSigner(this.#token, key);
  }

  #destroy(key: PublicKey): Promise<void> {
    return this.#token.use(async (session, module) => {
      const secret = await findPrivateKey(module, session, key);
      const found = secret === undefined ? [] : [secret];
      for (const template of publicTemplates(key)) found.push(...(await findObjects(module, session, template)));
      for (const object of found) await module.call('destroyObject', session.handle, object);
    });
  }
}

const p256 = oid(oids.prime256v1);

async function generate(module: Module, session: Session, label: string): Promise<PublicKey> {
  const id = randomBytes(16);
  const both = [
    [attributes.token, true],
    [attributes.id, id],
    [attributes.label, Buffer.from(label, 'utf8')],
  ] as const;
  const open = encodeTemplate([...both, [attributes.verify, true], [attributes.ecParams, p256]]);
  const secret = encodeTemplate([
    ...both,
    [attributes.sign, true],
    [attributes.private, true],
    [attributes.sensitive, true],
    [attributes.extractable, false],
  ]);
  const [publicHandle, privateHandle] = [unsignedLong(), unsignedLong()];
  const how = mechanism(mechanisms.ecKeyPairGen);
  await module.call(
    'generateKeyPair',
    session.handle,
    how,
    open,
    open.count,
    secret,
    secret.count,
    publicHandle,
    privateHandle,
  );
  const [object] = await findObjects(module, session, [
    [attributes.class, classes.publicKey],
    [attributes.keyType, keyKinds.ec],
    [attributes.id, id],
  ]);
  const point = await readAttribute(module, session, object ?? publicHandle.readBigUInt64LE(), attributes.ecPoint);
  // SubjectPublicKeyInfo (RFC 5480 §2).
  return readPublicKey(sequence(sequence(oid(oids.idEcPublicKey), p256), bitString(bare(point))), 'key of the token');
}

/** An uncompressed point of P-256. */
const pointBytes = 65;

/** The point without the OCTET STRING that the standard wants around it and some tokens leave out. */
function bare(point: Uint8Array): Uint8Array {
  if (point.length === pointBytes) return point;
  return new DerReader(point, 'CKA_EC_POINT').expect(tags.octetString, 'point').content;
}
