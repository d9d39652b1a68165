import type { AuthorityUses } from './authority-uses.ts';

const name = 'garrison_ca_live_certificates';
const below = 'garrison_ca_live_intermediates';

/** The gauge of dashboards, counted when somebody looks. The label values are the few authorities there are. */
export async function* liveCertificates(uses: AuthorityUses): AsyncGenerator<string> {
  const counts = await uses.counts().catch(() => undefined);
  // While the ledger cannot be read there is nothing to tell: a zero would say that nobody uses the old one.
  if (counts === undefined) return;
  yield `# HELP ${name} Certificates of workloads in use, by the authority they stand on\n# TYPE ${name} gauge\n`;
  for (const { authority, certificates } of counts) {
    yield `${name}{authority="${authority.id}",state="${authority.state}"} ${certificates}\n`;
  }
  yield `# HELP ${below} Intermediates of authorities below, by the authority they stand on\n# TYPE ${below} gauge\n`;
  for (const { authority, intermediates } of counts) {
    yield `${below}{authority="${authority.id}",state="${authority.state}"} ${intermediates}\n`;
  }
}

/** The page `/authorities`: every authority, how many stand on it and, for those on the way out, who. */
export async function describeUses(uses: AuthorityUses): Promise<unknown> {
  const counts = await uses.counts();
  return Promise.all(
    counts.map(async ({ authority: { id, state, since, root }, certificates, intermediates }) => {
      const leaving = state === 'old' || state === 'tainted';
      const named = leaving ? await uses.identities(id, 100) : { identities: [], complete: true };
      const still = named.identities.filter(({ moved }) => moved === undefined);
      return {
        authority: id,
        state,
        since,
        rootExpires: root.validity.notAfter,
        certificates,
        intermediates,
        ...(leaving ? { stillUsing: still, complete: named.complete } : {}),
      };
    }),
  );
}
