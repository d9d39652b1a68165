import type { UseByIdentity } from '#proto/gen/garrison/v1/authority-use.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, withAdmin } from './admin.ts';
import { authorityJson, authorityText } from './authority-text.ts';
import { dateOf } from './certificate-text.ts';

export const verb = declareVerb({
  name: 'identity authorities',
  summary: 'the authorities that are trusted, and who still uses each of them',
  flags: {
    authority: { kind: 'string', value: 'ID', describe: 'only this one' },
    identities: { kind: 'boolean', describe: 'name the identities, those that still use it first' },
    ...adminFlags,
  },
  example: 'garrison identity authorities --identities',
  async run(invocation) {
    const { flags, output } = invocation;
    return withAdmin(invocation, async ({ uses }) => {
      const request = { authority: flags.authority ?? '', identities: flags.identities, limit: 0 };
      const { authorities } = await callUnary(uses.listUses.bind(uses), request);
      for (const { authority, certificates, intermediates, identities, complete } of authorities) {
        if (authority === undefined) continue;
        const [count, below] = [Number(certificates), Number(intermediates)];
        const more = below === 0 ? '' : `, and ${below} of authorities below`;
        output.result(
          { ...authorityJson(authority), certificates: count, intermediates: below },
          `${authorityText(authority)}  ${count} ${count === 1 ? 'certificate' : 'certificates'} in use${more}`,
        );
        for (const use of identities) output.result(useJson(authority.id, use), useText(use, authority.state));
        if (flags.identities && !complete) output.note(`\`${authority.id}\`: there are more than these`);
      }
      return 0;
    });
  },
});

function useJson(authority: string, use: UseByIdentity): Record<string, unknown> {
  const { spiffeId, certificates, lastExpires, moved, downstream } = use;
  const times = { lastExpires: dateOf(lastExpires), moved: dateOf(moved) ?? null };
  return { authority, identity: spiffeId, certificates: Number(certificates), ...times, downstream };
}

function useText({ spiffeId, certificates, lastExpires, moved, downstream }: UseByIdentity, authority: string): string {
  const uses = authority === 'active' ? 'uses it' : 'still uses it';
  const state = moved === undefined ? uses : `moved ${dateOf(moved) ?? ''}`;
  const below = downstream ? '  an authority below: whatever it signed stands on this' : '';
  return `  ${spiffeId}  ${certificates} until ${dateOf(lastExpires) ?? ''}  ${state}${below}`;
}
