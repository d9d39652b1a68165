/** What a matching rule is good for. */
export const slots = { deny: 0, allow: 1, audit: 2, dryDeny: 3, dryAllow: 4, custom: 5 } as const;
export type Slot = (typeof slots)[keyof typeof slots];
export const slotCount = 6;
