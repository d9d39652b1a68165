import { hash } from 'node:crypto';

/**
 * SHA-256 of SubjectPublicKeyInfo: keys whose private half everybody can look up, in standards that print one as an
 * example, and those whose private half is the number 1. They turn up where an example was copied for good.
 */
const publishedKeys: ReadonlyMap<string, string> = new Map([
  ['2bd1bb0c44a897c30a7aa0991cde38d8062fe441de50da0f46825344f602e827', 'RFC 7515 A.3'],
  ['51b944cdfa544d4c3273aa6bf350625a7dd53bbb6a71723274f538b19a207760', 'RFC 7517 A.2'],
  ['6fd13c2435a361e7c588cd17f55f5ad3df0177a66c1727a6a200845f4d7ab88c', 'RFC 7515 A.2'],
  ['ad32320cf6c596d884b05381ba573aba8ddd5749b4de8f4a23a79f9a89ddaeb2', 'RFC 7517 A.2'],
  ['5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4', 'RFC 6979 A.2.5'],
  ['2f95601fa82060b909bfc6b979dbd303d34d34e0afb27ea496beac362f242a4b', 'RFC 6979 A.2.6'],
  ['06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9', 'RFC 8032 7.1'],
  ['deb2ded39dc26fce0e6085b6fc34bf6b5941913bbfe2ea614113cff9e004c170', 'RFC 8032 7.1'],
  ['8d39ba50abe50f77b6bb8ae7b6927aff7ffbeba35ad2837c0e51e82bcbcc60d5', 'RFC 8032 7.1'],
  ['a1e9156054e04fac899ae9f275132cdc07a5dbc4ea2c2ad3a1ffc6e0d253681f', 'RFC 8410 10.3'],
  ['5cd252fb0ce8932436faf8ccd1040981b89ee4ad6b9fe9e2a2b7e71aacb27cd3', 'the generator of P-256'],
  ['29f8fe74f38c49d49810cec736a26732a30bff2e64827b709a1c63340d4f7181', 'the generator of P-384'],
]);

/** SHA-256 of a SubjectPublicKeyInfo, hexadecimal: how lists of keys name them. */
export function keyHash(spki: Uint8Array): string {
  return hash('sha256', spki, 'hex');
}

/** Where the private half of a key is printed, if it is. */
export function publishedIn(spki: Uint8Array): string | undefined {
  return publishedKeys.get(keyHash(spki));
}
