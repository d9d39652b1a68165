import { contextTag } from '../der/tags.ts';
import { bitString, element, sequence, smallInteger } from '../der/write.ts';
import { signatureAlgorithm, type Signer } from '../keys/signer.ts';

/** A request that proves possession of a key and asks for no name: who the caller is, the authority finds out by itself. */
export async function writeRequest(signer: Signer): Promise<Uint8Array> {
  const info = sequence(smallInteger(0), sequence(), signer.publicKey.spki, element(contextTag(0)));
  const signature = await signer.sign(info);
  return sequence(info, signatureAlgorithm(signer.publicKey.type), bitString(signature));
}
