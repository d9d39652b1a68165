import { createHash, verify } from 'node:crypto';
import { nullValue, octetString, oid, sequence } from '#ca/der/write.ts';
import { oids } from '#ca/der/oids.ts';
import { ecdsaToDer } from '#ca/keys/ecdsa-signature.ts';
import type { PublicKey } from '#ca/keys/public-key.ts';
import { signatureHash, type Signer } from '#ca/keys/signer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { mechanisms } from './codes.ts';
import type { Module } from './module.ts';
import { findPrivateKey } from './objects.ts';
import { mechanism, unsignedLong } from './template.ts';
import type { Session } from './session.ts';
import type { Token } from './token.ts';

/** RSA of 8192 bits. */
const longestSignature = 1024;

/** A signer whose private key is in a token. Undefined: the token has none for this public key. */
export async function tokenSigner(token: Token, publicKey: PublicKey): Promise<Signer | undefined> {
  const hash = signatureHash(publicKey.type);
  if (hash === null) throw new GarrisonError('UNIMPLEMENTED', `a ${publicKey.type} key is not used in tokens`);
  let known: { readonly connection: number; readonly key: bigint | undefined } | undefined;
  const keyFor = async (session: Session, module: Module): Promise<bigint | undefined> => {
    if (known?.connection !== session.connection) {
      known = { connection: session.connection, key: await findPrivateKey(module, session, publicKey) };
    }
    return known.key;
  };
  if ((await token.use(keyFor)) === undefined) return undefined;
  const signer: Signer = {
    publicKey,
    sign: (message) =>
      token.use(async (session, module) => {
        const key = await keyFor(session, module);
        if (key === undefined)
          throw new GarrisonError('UNAVAILABLE', 'the key is no longer in the token', { place: 'ca.keys' });
        const digest = createHash(hash).update(message).digest();
        const raw = await signDigest(module, session, key, publicKey, digest);
        return publicKey.type === 'rsa' ? raw : ecdsaToDer(raw);
      }),
  };
  await prove(signer, hash);
  return signer;
}

async function signDigest(
  module: Module,
  { handle }: Session,
  key: bigint,
  { type }: PublicKey,
  digest: Buffer,
): Promise<Buffer> {
  // CKM_RSA_PKCS pads and signs; the DigestInfo that says which hash it was is ours (RFC 8017 §9.2).
  const input =
    type === 'rsa'
      ? Buffer.from(sequence(sequence(oid(oids.sha256), nullValue()), octetString(digest)))
      : Buffer.from(digest);
  const how = mechanism(type === 'rsa' ? mechanisms.rsaPkcs : mechanisms.ecdsa);
  const out = Buffer.alloc(longestSignature);
  const length = unsignedLong(longestSignature);
  await module.call('signInit', handle, how, key);
  await module.call('sign', handle, input, input.length, out, length);
  return out.subarray(0, Number(length.readBigUInt64LE()));
}

/** A key pair is tied together by a label that anybody with the PIN could have written: it has to show that it is one. */
async function prove(signer: Signer, hash: string): Promise<void> {
  const message = Buffer.from('garrison: whose key is this?');
  if (verify(hash, message, signer.publicKey.key, await signer.sign(message))) return;
  throw new GarrisonError('DATA_LOSS', 'the private key in the token does not belong to the public key beside it', {
    place: 'ca.keys',
    remedy: 'look with the token’s own tools which keys share an identifier, and remove the wrong one',
  });
}
