import type { AttributeBag } from '#proto/attributes/index.ts';
import { readNumber } from './read-attribute.ts';

/**
 * The other number of the called port: where the sidecar listens, which service documents and clients know, beside the
 * application's own. Upstream they are one number; a rule may name either (ADR 33).
 */
export function listenPortOf(bag: AttributeBag): number | undefined {
  return readNumber(bag, 'garrison.destination.listen_port');
}
