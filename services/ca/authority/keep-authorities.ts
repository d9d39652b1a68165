import { asGarrisonError, GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Validity } from '#ca/issue/validity.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Authorities, Authority } from './authorities.ts';
import type { AuthorityDesk } from './authority-desk.ts';
import type { AuthoritySource } from './authority-source.ts';
import type { RenewalTrouble } from './renewal-trouble.ts';

const lookMs = 3_600_000;
const day = 86_400_000;
/** Between two intermediates from above. */
const soonestMs = 10_000;
/** Whoever prepared an authority by hand is about to activate it, too. */
const leaveToOperatorMs = 60_000;
/** Between making a new root known and signing under it; as `garrison identity rotate` waits. */
export const makeKnownMs = 10_000;

/** A ceremony wants to be planned, where an authority that keeps its root's key needs a month to make the next known. */
const ceremonyMs = 90 * day;
const usualMs = 30 * day;

/** `replace-root`: what `prepare` does where the root's key is here, and nobody but its keeper can do where it is not. */
export type Step = 'renew-issuing' | 'prepare' | 'replace-root' | 'activate' | 'revoke-expired';

export interface Due {
  readonly step: Step;
  readonly authority: Authority;
}

export interface Rules {
  /** Where new authorities come from. */
  readonly kind: AuthoritySource['kind'];
  /** The longest that a leaf lives. */
  readonly leafMs: number;
  /** Others write the same ledger: the root's key may be with one of them, which prepares the next root in time. */
  readonly shared?: boolean;
}

/** What age alone asks for. */
export function dueStep(
  all: readonly Authority[],
  now: Date,
  rules: Rules = own,
  rootElsewhere = false,
): Due | undefined {
  const spent = all.find((one) => isSpent(one, now, rules));
  if (spent !== undefined) return { step: 'revoke-expired', authority: spent };
  const active = all.find(({ state }) => state === 'active');
  if (active === undefined) return undefined;
  const prepared = all.find(({ state }) => state === 'prepared');
  switch (rules.kind) {
    case 'own':
      return rootElsewhere ? dueUnderRootElsewhere(active, prepared, now, rules) : dueOfOwn(active, prepared, now);
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
  if (prepared === undefined && rootEndsWithin(usualMs, active, now)) return { step: 'prepare', authority: active };
  return dueActivation(active, prepared, now) ?? dueIntermediate(active, now);
}

/**
 * Whoever took the root's key away never gets a root whose key lies here by age alone: that one is needed is only told. The
 * intermediate goes first, since it ends first.
 */
function dueUnderRootElsewhere(
  active: Authority,
  prepared: Authority | undefined,
  now: Date,
  { shared = false }: Rules,
): Due | undefined {
  const due = dueActivation(active, prepared, now) ?? dueIntermediate(active, now);
  if (due !== undefined || prepared !== undefined) return due;
  const soon = rootEndsWithin(shared ? usualMs : ceremonyMs, active, now);
  return soon ? { step: 'replace-root', authority: active } : undefined;
}

function rootEndsWithin(ms: number, { root: { validity } }: Authority, now: Date): boolean {
  return left(validity.notAfter, now) <= Math.min(lifeOf(validity) / 2, ms);
}

function dueActivation({ root }: Authority, prepared: Authority | undefined, now: Date): Due | undefined {
  if (prepared === undefined) return undefined;
  const late = left(root.validity.notAfter, now) <= Math.min(lifeOf(root.validity) / 6, 7 * day);
  const due = late && left(now, prepared.since) >= leaveToOperatorMs;
  return due ? { step: 'activate', authority: prepared } : undefined;
}

function dueIntermediate(active: Authority, now: Date): Due | undefined {
  const { notAfter } = active.root.validity;
  const { validity } = active.issuing;
  // An intermediate that ends with its root gains nothing from being made anew.
  const endsWithRoot = notAfter.getTime() - validity.notAfter.getTime() < 1000;
  const due = left(validity.notAfter, now) <= lifeOf(validity) / 3 && !endsWithRoot;
  return due ? { step: 'renew-issuing', authority: active } : undefined;
}

/**
 * An authority above may be away for long: it is asked when half of the life is left, counted from when it was had. Its
 * beginning is set back, and of a short life that is a part that counts.
 */
function dueFromAbove(active: Authority, prepared: Authority | undefined, now: Date): Due | undefined {
  if (prepared !== undefined) {
    const due = left(now, prepared.since) >= makeKnownMs + leaveToOperatorMs / 10;
    return due ? { step: 'activate', authority: prepared } : undefined;
  }
  const { since, issuing } = active;
  const { notBefore, notAfter } = issuing.validity;
  const life = left(notAfter, notBefore < since ? since : notBefore);
  // Where the one above ends soon itself, what it gives is half over at once: that is no reason to ask without pause.
  const due = left(notAfter, now) <= life / 2 && left(now, since) >= soonestMs;
  return due ? { step: 'renew-issuing', authority: active } : undefined;
}

/** Whoever missed the first word has others. */
function dayOf(now: Date): string {
  return now.toISOString().slice(0, 10);
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
  /** Where others write the same ledger: runs while none of them does the same. */
  readonly alone?: (work: () => Promise<void>) => Promise<void>;
}

/**
 * Does what is due when it is due. What cannot be done (the root's key is in a safe, the authority above is away) is said
 * once a day and for each reason, and tried again until it can.
 */
export async function keepAuthorities(
  authorities: Authorities,
  desk: AuthorityDesk,
  { clock, logger, signal, rules, trouble, alone }: Keeping,
): Promise<void> {
  // A key that was brought back for one signature is not one that lives here.
  const elsewhere = new Set<string>();
  const warned = new Set<string>();
  let failures = 0;
  let told = '';
  while (!signal.aborted) {
    // Before anything is read: what changes from here on is looked at again.
    using change = nextChange(authorities, signal);
    trouble.look(clock.now());
    const away = await isRootElsewhere(authorities, desk, elsewhere);
    const due = dueStep(authorities.all, clock.now(), rules, away);
    if (due === undefined) {
      failures = 0;
      told = '';
      trouble.over(clock.now());
      if (rules.kind === 'plugged-in') warnOfEnd(authorities.all, clock.now(), logger, warned);
    } else {
      try {
        if (alone === undefined) await take(desk, due);
        else {
          // It is due in all of them at once: one does it, and the others have it then.
          await alone(async () => {
            await desk.refresh();
            const still = dueStep(authorities.all, clock.now(), rules, away);
            if (still?.step === due.step && still.authority.id === due.authority.id) await take(desk, still);
          });
        }
        failures = 0;
        trouble.over(clock.now());
        continue;
      } catch (error) {
        failures += 1;
        const known = asGarrisonError(error);
        trouble.failed(due.step, due.authority.id, known, clock.now());
        trouble.look(clock.now());
        const news = `${dayOf(clock.now())} ${due.step} ${due.authority.id} ${known.describe()}`;
        if (news !== told) tell(due, known, logger);
        told = news;
      }
    }
    const now = clock.now();
    const end = untilEnd(authorities.all, now);
    if (failures === 0) {
      await clock.sleep(Math.min(untilDue(authorities.all, now, rules, away), end), change.signal);
      continue;
    }
    // What changed during the attempt is no reason for the next one.
    using later = nextChange(authorities, signal);
    await clock.sleep(Math.min(retryMs(failures, authorities.all, now), end), later.signal);
  }
}

function tell({ step, authority: { id } }: Due, error: GarrisonError, logger: Logger): void {
  const fields = { step, authority: id, error };
  if (step === 'replace-root') logger.warn('the root ends and is not replaced by itself', fields);
  else logger.error('authority cannot be renewed', fields);
}

/** Aborts when the authorities are others, or with the given signal. */
function nextChange(authorities: Authorities, signal: AbortSignal): Disposable & { readonly signal: AbortSignal } {
  const changed = new AbortController();
  const forget = authorities.onChange(() => changed.abort());
  return { signal: AbortSignal.any([signal, changed.signal]), [Symbol.dispose]: forget };
}

/** Nobody but whoever plugged it in can replace it. */
function warnOfEnd(all: readonly Authority[], now: Date, logger: Logger, warned: Set<string>): void {
  const active = all.find(({ state }) => state === 'active');
  if (active === undefined || left(active.issuing.validity.notAfter, now) > lifeOf(active.issuing.validity) / 5) return;
  const key = `${dayOf(now)} ${active.id}`;
  if (warned.has(key)) return;
  warned.add(key);
  logger.warn('the plugged-in authority ends soon: replace its files', {
    authority: active.id,
    ends: active.issuing.validity.notAfter,
  });
}

/** How long nothing is due, an hour at most. What is due stays due, so that the moment is found by halving. */
function untilDue(all: readonly Authority[], now: Date, rules: Rules, away: boolean): number {
  const isDue = (ms: number): boolean => dueStep(all, new Date(now.getTime() + ms), rules, away) !== undefined;
  let [free, due] = [0, lookMs];
  if (!isDue(due)) return lookMs;
  while (due - free > 1) {
    const middle = Math.floor((free + due) / 2);
    if (isDue(middle)) due = middle;
    else free = middle;
  }
  return due;
}

/** Until the issuing certificate has ended, which is told then. */
function untilEnd(all: readonly Authority[], now: Date): number {
  const active = all.find(({ state }) => state === 'active');
  const ms = active === undefined ? 0 : left(active.issuing.validity.notAfter, now);
  return ms < 0 || active === undefined ? lookMs : ms + 1;
}

/** Doubles from a second to five minutes, to half a minute where nothing is signed any more. */
function retryMs(failures: number, all: readonly Authority[], now: Date): number {
  const active = all.find(({ state }) => state === 'active');
  const ms = active === undefined ? 0 : left(active.issuing.validity.notAfter, now);
  const longest = ms <= 0 ? 30_000 : Math.min(300_000, Math.max(ms / 10, 1000));
  return Math.min(1000 * 2 ** Math.min(failures - 1, 10), longest);
}

async function take(desk: AuthorityDesk, { step, authority }: Due): Promise<void> {
  const { id } = authority;
  switch (step) {
    case 'renew-issuing':
      await desk.renewIssuing();
      return;
    case 'prepare':
      await desk.prepare();
      return;
    case 'replace-root':
      throw rootNeeded(authority);
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

/** Where that cannot be told (a token is out), nothing is made that could be a surprise. */
async function isRootElsewhere({ all }: Authorities, desk: AuthorityDesk, elsewhere: Set<string>): Promise<boolean> {
  const active = all.find(({ state }) => state === 'active');
  if (active === undefined) return false;
  try {
    if (await desk.isRootElsewhere(active)) elsewhere.add(active.id);
    return elsewhere.has(active.id);
  } catch {
    return true;
  }
}

function rootNeeded({ root: { certificate, validity } }: Authority): GarrisonError {
  const name = certificate.subject.replaceAll('\n', ', ');
  const ends = validity.notAfter.toISOString();
  return new GarrisonError(
    'FAILED_PRECONDITION',
    `the root \`${name}\` ends at ${ends}, and its key is kept elsewhere: no other root is made by itself`,
    {
      remedy:
        'a new root whose key is kept apart: `garrison identity init --from CEREMONY`, then `ca.pluggedIn` ' +
        '(docs/ceremony.md, “When the root ends”); one whose key is kept here: `garrison identity rotate --new-root`',
    },
  );
}
