import { asGarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Validity } from '#ca/issue/validity.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Authorities, Authority } from './authorities.ts';
import type { AuthorityDesk } from './authority-desk.ts';
import type { AuthoritySource } from './authority-source.ts';
import type { RenewalTrouble } from './renewal-trouble.ts';

const lookMs = 3_600_000;
const day = 86_400_000;
/** Between making a new root known and signing under it; as `garrison identity rotate` waits. */
export const makeKnownMs = 10_000;

export type Step = 'renew-issuing' | 'prepare' | 'activate' | 'revoke-expired';

export interface Due {
  readonly step: Step;
  readonly authority: Authority;
}

export interface Rules {
  /** Where new authorities come from. */
  readonly kind: AuthoritySource['kind'];
  /** The longest that a leaf lives. */
  readonly leafMs: number;
}

/** What age alone asks for. */
export function dueStep(all: readonly Authority[], now: Date, rules: Rules = own): Due | undefined {
  const spent = all.find((one) => isSpent(one, now, rules));
  if (spent !== undefined) return { step: 'revoke-expired', authority: spent };
  const active = all.find(({ state }) => state === 'active');
  if (active === undefined) return undefined;
  const prepared = all.find(({ state }) => state === 'prepared');
  switch (rules.kind) {
    case 'own':
      return dueOfOwn(active, prepared, now);
    case 'upstream':
      return dueFromAbove(active, prepared, now);
    case 'plugged-in':
      // Whoever plugged it in replaces it.
      return undefined;
    default:
      return rules.kind satisfies never;
  }
}

const own: Rules = { kind: 'own', leafMs: 7 * day };

/** Nothing that it signed can be good any more. A root of our own stays until it ends: operators decide before that. */
function isSpent({ state, root, given, since }: Authority, now: Date, { leafMs }: Rules): boolean {
  if (state !== 'old' && state !== 'tainted') return false;
  return left(root.validity.notAfter, now) < -day || (given && now.getTime() - since.getTime() > leafMs + day);
}

/**
 * SPIRE's times: the next root is prepared when half of the life or 30 days are left, and signs when a sixth or 7 days are
 * left; an intermediate is replaced when a third of its life is left.
 */
function dueOfOwn(active: Authority, prepared: Authority | undefined, now: Date): Due | undefined {
  const { notAfter } = active.root.validity;
  const life = lifeOf(active.root.validity);
  if (prepared === undefined && left(notAfter, now) <= Math.min(life / 2, 30 * day)) {
    return { step: 'prepare', authority: active };
  }
  if (prepared !== undefined && left(notAfter, now) <= Math.min(life / 6, 7 * day)) {
    return { step: 'activate', authority: prepared };
  }
  const { validity } = active.issuing;
  // An intermediate that ends with its root gains nothing from being made anew.
  const endsWithRoot = notAfter.getTime() - validity.notAfter.getTime() < 1000;
  const due = left(validity.notAfter, now) <= lifeOf(validity) / 3 && !endsWithRoot;
  return due ? { step: 'renew-issuing', authority: active } : undefined;
}

/** An authority above may be away for long: it is asked when half of the life is left. */
function dueFromAbove(active: Authority, prepared: Authority | undefined, now: Date): Due | undefined {
  if (prepared !== undefined) {
    const known = now.getTime() - prepared.since.getTime() >= makeKnownMs;
    return known ? { step: 'activate', authority: prepared } : undefined;
  }
  const { validity } = active.issuing;
  const due = left(validity.notAfter, now) <= lifeOf(validity) / 2;
  return due ? { step: 'renew-issuing', authority: active } : undefined;
}

function left(until: Date, now: Date): number {
  return until.getTime() - now.getTime();
}

function lifeOf({ notBefore, notAfter }: Validity): number {
  return notAfter.getTime() - notBefore.getTime();
}

interface Keeping {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly rules: Rules;
  readonly trouble: RenewalTrouble;
}

/** Looks every hour for what is due and does it; what cannot be done (the root's key is in a safe) is said, every hour. */
export async function keepAuthorities(
  authorities: Authorities,
  desk: AuthorityDesk,
  { clock, logger, signal, rules, trouble }: Keeping,
): Promise<void> {
  let failed = false;
  while (!signal.aborted) {
    trouble.look(clock.now());
    const due = failed ? undefined : dueStep(authorities.all, clock.now(), rules);
    failed = false;
    if (due !== undefined) {
      try {
        await take(desk, due.step, due.authority.id);
        trouble.over(clock.now());
      } catch (error) {
        failed = true;
        trouble.failed(due.step, due.authority.id, asGarrisonError(error), clock.now());
        logger.error('authority cannot be renewed', { step: due.step, authority: due.authority.id, error });
      }
      continue;
    }
    if (rules.kind === 'plugged-in') warnOfEnd(authorities.all, clock.now(), logger);
    await clock.sleep(patience(authorities.all, clock.now()), signal);
  }
}

/** Nobody but whoever plugged it in can replace it. */
function warnOfEnd(all: readonly Authority[], now: Date, logger: Logger): void {
  const active = all.find(({ state }) => state === 'active');
  if (active === undefined || left(active.issuing.validity.notAfter, now) > lifeOf(active.issuing.validity) / 5) return;
  logger.warn('the plugged-in authority ends soon: replace its files', {
    authority: active.id,
    ends: active.issuing.validity.notAfter,
  });
}

/** Short lives are looked at more often. */
function patience(all: readonly Authority[], now: Date): number {
  if (all.some(({ state, given }) => state === 'prepared' && given)) return makeKnownMs;
  const active = all.find(({ state }) => state === 'active');
  if (active === undefined) return lookMs;
  const { validity } = active.issuing;
  const untilEnd = left(validity.notAfter, now);
  const most = untilEnd > 0 ? Math.min(lookMs, untilEnd + 1000) : lookMs;
  return Math.min(most, Math.max(lifeOf(validity) / 10, 1000));
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
