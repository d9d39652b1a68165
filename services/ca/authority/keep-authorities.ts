import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Authorities, Authority } from './authorities.ts';
import type { AuthorityDesk } from './authority-desk.ts';

const lookMs = 3_600_000;
const day = 86_400_000;

export type Step = 'renew-issuing' | 'prepare' | 'activate' | 'revoke-expired';

/**
 * What age alone asks for. SPIRE's times: the next root is prepared when half of the life or 30 days are left, and signs
 * when a sixth or 7 days are left; an intermediate is replaced when a third of its life is left.
 */
export function dueStep(all: readonly Authority[], now: Date): { step: Step; authority: Authority } | undefined {
  const left = (until: Date): number => until.getTime() - now.getTime();
  const expired = all.find(
    ({ state, root }) => (state === 'old' || state === 'tainted') && left(root.validity.notAfter) < -day,
  );
  if (expired !== undefined) return { step: 'revoke-expired', authority: expired };
  const active = all.find(({ state }) => state === 'active');
  if (active === undefined) return undefined;
  const { notBefore, notAfter } = active.root.validity;
  const life = notAfter.getTime() - notBefore.getTime();
  const prepared = all.find(({ state }) => state === 'prepared');
  if (prepared === undefined && left(notAfter) <= Math.min(life / 2, 30 * day))
    return { step: 'prepare', authority: active };
  if (prepared !== undefined && left(notAfter) <= Math.min(life / 6, 7 * day)) {
    return { step: 'activate', authority: prepared };
  }
  const issuing = active.issuing.validity;
  const issuingLife = issuing.notAfter.getTime() - issuing.notBefore.getTime();
  // An intermediate that ends with its root gains nothing from being made anew.
  const endsWithRoot = notAfter.getTime() - issuing.notAfter.getTime() < 1000;
  if (left(issuing.notAfter) <= issuingLife / 3 && !endsWithRoot) return { step: 'renew-issuing', authority: active };
  return undefined;
}

/** Looks every hour for what is due and does it; what cannot be done (the root's key is in a safe) is said, every hour. */
export async function keepAuthorities(
  authorities: Authorities,
  desk: AuthorityDesk,
  { clock, logger, signal }: { clock: Clock; logger: Logger; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const due = dueStep(authorities.all, clock.now());
    if (due !== undefined) {
      try {
        await take(desk, due.step, due.authority.id);
        continue;
      } catch (error) {
        logger.error('authority cannot be renewed', { step: due.step, authority: due.authority.id, error });
      }
    }
    await clock.sleep(lookMs, signal);
  }
}

async function take(desk: AuthorityDesk, step: Step, id: string): Promise<void> {
  switch (step) {
    case 'renew-issuing':
      await desk.renewIssuing();
      return;
    case 'prepare':
      await desk.prepare();
      return;
    case 'activate':
      await desk.activate(id);
      return;
    case 'revoke-expired':
      await desk.revoke(id);
      return;
    default:
      step satisfies never;
  }
}
