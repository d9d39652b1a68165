import type { Logger } from '#runtime/logger.ts';
import type { AuthorityDesk } from './authority/authority-desk.ts';
import type { Ledger } from './ledger/port.ts';
import { isShared } from './ledger/shared-ledger.ts';
import type { Revocations } from './revocations.ts';
import type { TokenDesk } from './tokens/token-desk.ts';

interface Parts {
  readonly authorityDesk: AuthorityDesk;
  readonly revocations: Revocations;
  readonly tokens: TokenDesk;
  readonly logger: Logger;
}

/** Takes up what another process on the same ledger changed, as soon as the ledger tells. */
export function followOthers(ledger: Ledger, { authorityDesk, revocations, tokens, logger }: Parts): () => void {
  if (!isShared(ledger)) return () => undefined;
  return ledger.onNotice((kind) => {
    const take = {
      authorities: () => authorityDesk.refresh(),
      revocations: () => revocations.refresh(),
      tokens: () => tokens.redeemed(),
    }[kind];
    void Promise.resolve(take()).catch((error: unknown) => {
      logger.error('what another authority changed could not be read', { kind, error });
    });
  });
}
