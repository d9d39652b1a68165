import { authorityId } from '#ca/authority-id.ts';
import { readIssuer } from '#ca/issue/issuer.ts';
import { splitDer } from '#ca/der/split.ts';
import type { AuthorityRecord } from '../ledger/port.ts';
import type { AuthorityOptions } from './authority-files.ts';

/**
 * Before anything signs: the active authority has to be one of the source that is configured. What signed until now is
 * old, and stays trusted.
 */
export async function settleAuthorities(options: AuthorityOptions, records: readonly AuthorityRecord[]): Promise<void> {
  const { ledger, source, clock, logger } = options;
  const active = records.find(({ state }) => state === 'active');
  if (active !== undefined && !(await mustGo(options, active))) return;
  const now = clock.now();
  const known = records.find(({ id, state }) => id === source.wanted?.() && state !== 'revoked');
  const next = known === undefined ? await source.make('active') : { ...known, state: 'active' as const, since: now };
  const former = active === undefined ? [] : [{ ...active, state: 'old' as const, since: now }];
  await ledger.putAuthorities([...former, next]);
  logger.info('another authority signs from now on', { authority: next.id, former: active?.id, source: source.kind });
}

async function mustGo({ source, keys, clock }: AuthorityOptions, active: AuthorityRecord): Promise<boolean> {
  const wanted = source.wanted?.();
  if (wanted !== undefined) return active.id !== wanted;
  const [first = new Uint8Array(0)] = splitDer(active.issuing, 'issuing certificates');
  const issuing = readIssuer(first);
  const own = active.id === authorityId(readIssuer(active.root));
  if (source.kind === 'upstream') return own || issuing.validity.notAfter <= clock.now();
  // One that was plugged in, and is no more: its key went with it.
  return !own && !(await keys.has({ authority: active.id, role: 'issuing', key: issuing.publicKey }));
}
