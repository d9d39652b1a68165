import { authorityId } from '#ca/authority-id.ts';
import type { GivenChain } from '#ca/issue/check-chain.ts';
import type { AuthorityRecord } from '../ledger/port.ts';
import { writeAuthorityFiles, type AuthorityFolder } from './authority-files.ts';
import type { Ceremony } from './create-authority.ts';

/** The record of an authority whose root is somebody else's: known by its issuing key, with a JWT key of its own. */
export async function recordGiven(
  options: Pick<Ceremony, 'keys' | 'clock'> & AuthorityFolder,
  { issuing, above, root }: GivenChain,
  state: AuthorityRecord['state'],
): Promise<AuthorityRecord> {
  const id = authorityId(issuing);
  const jwtKey = await options.keys.make('jwt');
  await jwtKey.keep(id);
  const record = {
    id,
    state,
    root: root.der,
    issuing: Buffer.concat([issuing.der, ...above]),
    jwtKey: jwtKey.signer.publicKey.spki,
    since: options.clock.now(),
  };
  writeAuthorityFiles(options, record);
  return record;
}
