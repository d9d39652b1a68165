import { bitString, sequence } from '../der/write.ts';
import { signatureAlgorithm, type Signer } from '../keys/signer.ts';
import { takeLinted, type LintedTbs } from './lint.ts';
import { validateIssued } from './validate.ts';

/** Steps three and four of issuing: sign what the lint passed, then read the finished certificate back before anyone sees it. */
export async function sign(linted: LintedTbs, signer: Signer): Promise<Uint8Array> {
  const tbs = takeLinted(linted);
  const signature = await signer.sign(tbs);
  const der = sequence(tbs, signatureAlgorithm(signer.publicKey.type), bitString(signature));
  validateIssued(der, linted.plan);
  return der;
}
