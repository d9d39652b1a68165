import { GarrisonError } from '#proto/errors/index.ts';
import { formatAddress, type Address } from '#runtime/address.ts';

/** How OpenSSL tells that a chain leads to none of the roots, or is not valid now. */
const notVerified =
  /unable to (?:get|verify)|self-signed certificate|certificate signature failure|certificate has expired|not yet valid/;

/** Why the authority was not reached, and what to do: one that answers with a chain under other roots is not away. */
export function notReached(
  ca: Address,
  file: string | undefined,
  { code, message: why, cause }: GarrisonError,
): GarrisonError {
  const place = `the authority at \`${formatAddress(ca)}\``;
  if (!notVerified.test(why)) {
    const message = `${place} cannot be reached (${why})`;
    return new GarrisonError(code, message, { remedy: 'start it, or correct its address', cause });
  }
  if (file === undefined) {
    return new GarrisonError(
      code,
      `${place} shows a certificate that the roots that this node learned of do not verify (${why})`,
      {
        remedy:
          'if its roots were replaced while this node was away, remove `node-identity.json` from `state`, so that `join.bundle` counts again',
        cause,
      },
    );
  }
  return new GarrisonError(code, `${place} shows a certificate that \`${file}\` does not verify (${why})`, {
    place: 'join.bundle',
    remedy:
      'write the roots that the authority has now there, `garrison identity bundle show` shows them; or correct its address',
    cause,
  });
}
