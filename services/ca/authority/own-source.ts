import { authorityId } from '#ca/authority-id.ts';
import type { AuthoritySource } from './authority-source.ts';
import { createAuthority, type Ceremony } from './create-authority.ts';
import { writeAuthorityFiles, type AuthorityFolder } from './authority-files.ts';
import type { AuthorityRecord } from '../ledger/port.ts';

/** Authorities with a root of our own. */
export function ownSource(options: Ceremony & AuthorityFolder): AuthoritySource {
  return { kind: 'own', further: () => [], make: (state) => makeAuthority(options, state) };
}

/** Makes an authority and keeps its keys; whoever calls puts the record into the ledger, which makes it count. */
export async function makeAuthority(
  options: Ceremony & AuthorityFolder,
  state: AuthorityRecord['state'],
): Promise<AuthorityRecord> {
  const { root, issuing, rootKey, issuingKey, jwtKey } = await createAuthority(options);
  const id = authorityId(root);
  for (const key of [rootKey, issuingKey, jwtKey]) await key.keep(id);
  const { spki } = jwtKey.signer.publicKey;
  const record = { id, state, root: root.der, issuing: issuing.der, jwtKey: spki, since: options.clock.now() };
  writeAuthorityFiles(options, record);
  return record;
}
