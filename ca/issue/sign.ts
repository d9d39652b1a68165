import { bitString, sequence } from '../der/write.ts';
import { signatureAlgorithm, type Signer } from '../keys/signer.ts';
import { verifyHere, type Verify } from '../keys/verify.ts';
import { takeLinted, type LintedTbs } from './lint.ts';
import { validateIssued } from './validate.ts';

/** Steps three and four of issuing: sign what the lint passed, then read the finished certificate back before anyone sees it. */
export async function sign(linted: LintedTbs, signer: Signer, verify: Verify = verifyHere): Promise<Uint8Array> {
  const tbs = takeLinted(linted);
  const signature = await signer.sign(tbs);
  const der = sequence(tbs, signatureAlgorithm(signer.publicKey.type), bitString(signature));
  await validateIssued(der, linted.plan, verify);
  return der;
}
