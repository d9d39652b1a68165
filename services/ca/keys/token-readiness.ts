import type { GarrisonError } from '#proto/errors/index.ts';
import type { AdminServer } from '#runtime/admin-server.ts';
import type { Logger } from '#runtime/logger.ts';

/** While the token with the keys is away nothing is signed, and `/readyz` says why. */
export function tokenReadiness(
  { readiness }: Pick<AdminServer, 'readiness'>,
  logger: Logger,
): (trouble: GarrisonError | undefined) => void {
  let clear: (() => void) | undefined;
  return (trouble) => {
    if (trouble !== undefined) {
      if (clear === undefined) logger.error('the keys of the authority are out of reach', { error: trouble });
      clear ??= readiness.pending(`keys: ${trouble.message}`);
      return;
    }
    if (clear !== undefined) logger.info('the keys of the authority are back');
    clear?.();
    clear = undefined;
  };
}
