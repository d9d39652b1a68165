import { GarrisonError } from '#proto/errors/index.ts';
import type { Module } from './module.ts';
import { unsignedLong } from './template.ts';

/** The token's own label, or the number of the slot it is in. */
export type TokenName = { readonly label: string } | { readonly slot: number };

const labelBytes = 32;
/** CK_TOKEN_INFO, with room to spare. */
const infoBytes = 512;

export async function findSlot(module: Module, token: TokenName): Promise<bigint> {
  const slots = await listSlots(module);
  const labels: string[] = [];
  const found: bigint[] = [];
  for (const slot of slots) {
    const info = Buffer.alloc(infoBytes);
    await module.call('getTokenInfo', slot, info);
    const label = info.toString('utf8', 0, labelBytes).trimEnd();
    // A slot whose token was never initialised has no name to choose.
    if (label !== '') labels.push(label);
    if ('slot' in token ? slot === BigInt(token.slot) : label === token.label) found.push(slot);
  }
  const [only, ...more] = found;
  if (only !== undefined && more.length === 0) return only;
  const sought = 'slot' in token ? `in slot ${token.slot}` : `labelled \`${token.label}\``;
  const message = only === undefined ? `there is no token ${sought}` : `there are several tokens ${sought}`;
  throw new GarrisonError('UNAVAILABLE', message, {
    place: 'ca.keys',
    remedy:
      labels.length === 0
        ? 'plug the token in, or initialise it'
        : `there are ${labels.map((label) => `\`${label}\``).join(', ')}`,
  });
}

async function listSlots(module: Module): Promise<bigint[]> {
  const count = unsignedLong();
  await module.call('getSlotList', 1, null, count);
  // One may be plugged in between the two questions.
  const room = Number(count.readBigUInt64LE()) + 8;
  const slots = Buffer.alloc(8 * room);
  count.writeBigUInt64LE(BigInt(room));
  await module.call('getSlotList', 1, slots, count);
  return Array.from({ length: Number(count.readBigUInt64LE()) }, (_, index) => slots.readBigUInt64LE(8 * index));
}
