export { Duration, MapBag, Timestamp } from './bag.ts';
export type { AttributeBag, AttributeValue, StringMap } from './bag.ts';
