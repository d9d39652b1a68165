import type { AttributeBag } from '#proto/attributes/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Action } from './action.ts';
import { namespaceOf } from './party.ts';
import { textOf } from './read-attribute.ts';

/**
 * A sidecar speaks for its own workload and for nobody else: of an inbound action that is the destination, of an
 * outbound one the source. Throws PERMISSION_DENIED with the attribute at fault.
 */
export function authorizeReporter(action: Action, bag: AttributeBag, caller: string, place: string): void {
  const side = action.reporter === 'inbound' ? 'destination' : 'source';
  const principal = action[side].principal;
  if (principal !== caller) {
    throw refusal(place, `${side}.principal`, principal, `only \`${caller}\` itself, the reporter, can be the ${side}`);
  }
  const namespace = namespaceOf(caller);
  if (namespace === undefined) return;
  for (const name of [`${side}.namespace`, `${side}.workload.namespace`]) {
    const claimed = textOf(bag, name);
    if (claimed !== undefined && claimed !== namespace) {
      throw refusal(place, name, claimed, `the reporter's namespace is \`${namespace}\``);
    }
  }
}

function refusal(place: string, attribute: string, value: string | undefined, why: string): GarrisonError {
  const said = value === undefined ? `\`${attribute}\` is missing` : `\`${attribute}\` is \`${value.slice(0, 300)}\``;
  return new GarrisonError('PERMISSION_DENIED', `${said} in an action this caller reports: ${why}`, {
    place,
    remedy: 'let the sidecar of that workload report it',
  });
}
