import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { JwtDesk } from './jwt-desk.ts';
import { jwtKeyStates, type JwtKeyState } from './jwt-keys.ts';

const hour = 3_600_000;
const day = 24 * hour;

export interface JwtKeyRules {
  /** How long a key signs. */
  readonly lifeMs: number;
  /** How long it is published before it signs. SPIFFE Federation §5.1 recommends three to five refresh hints. */
  readonly aheadMs: number;
  /** How long it stays published after: no token lives longer. */
  readonly afterMs: number;
}

/** A hint is five minutes, and verifiers that speak OpenID Connect keep keys for a day at most, mostly. */
export const defaultJwtKeyRules: JwtKeyRules = { lifeMs: 30 * day, aheadMs: day, afterMs: day + hour };

export interface JwtDue {
  readonly step: 'prepare' | 'activate' | 'revoke';
  readonly kid: string;
}

/** What age alone asks for. The first of the list is the one that signs. */
export function dueJwtStep(keys: readonly JwtKeyState[], now: Date, rules: JwtKeyRules): JwtDue | undefined {
  const [signing] = keys;
  if (signing === undefined) return undefined;
  const age = ({ since }: JwtKeyState): number => now.getTime() - since.getTime();
  const spent = keys.find((key) => key.with === undefined && key.state === 'old' && age(key) >= rules.afterMs);
  if (spent !== undefined) return { step: 'revoke', kid: spent.jwtKey.kid };
  const prepared = keys.find((key) => key.with === undefined && key.state === 'prepared');
  if (prepared === undefined) {
    return age(signing) >= rules.lifeMs - rules.aheadMs ? { step: 'prepare', kid: '' } : undefined;
  }
  const due = age(signing) >= rules.lifeMs && age(prepared) >= rules.aheadMs;
  return due ? { step: 'activate', kid: prepared.jwtKey.kid } : undefined;
}

/** Looks now and then for what is due and does it; what cannot be done is said, every time. */
export async function keepJwtKeys(
  authorities: Authorities,
  desk: JwtDesk,
  { clock, logger, signal, rules }: { clock: Clock; logger: Logger; signal: AbortSignal; rules: JwtKeyRules },
): Promise<void> {
  const patience = Math.min(hour, Math.max(rules.aheadMs / 10, 1000));
  while (!signal.aborted) {
    const due = dueJwtStep(jwtKeyStates(authorities), clock.now(), rules);
    if (due === undefined) {
      await clock.sleep(patience, signal);
      continue;
    }
    try {
      if (due.step === 'prepare') await desk.prepare();
      else await desk[due.step](due.kid);
    } catch (error) {
      logger.error('the key of JWT-SVIDs cannot be renewed', { ...due, error });
      await clock.sleep(patience, signal);
    }
  }
}
