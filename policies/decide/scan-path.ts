/** What a path is found to be in one pass over it. */
export const pathShapes = {
  /** Begins with a slash, and no level of normalisation would change it. */
  plain: 0,
  /** Has to be normalised. */
  odd: 1,
  /** Holds a control character or a space somewhere, query included. */
  broken: 2,
} as const;
export type PathShape = (typeof pathShapes)[keyof typeof pathShapes];

/** Per character: 1 = may stand in a plain path, 2 = control character or space. */
const kinds = new Uint8Array(128);
for (let code = 0; code <= 0x20; code++) kinds[code] = 2;
kinds[0x7f] = 2;
for (const letter of "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@[]") {
  kinds[letter.charCodeAt(0)] = 1;
}

export function scanPath(raw: string): PathShape {
  const length = raw.length;
  let shape: PathShape = raw.charCodeAt(0) === 0x2f ? 0 : 1;
  let before = 0;
  let at = 0;
  for (; at < length; at++) {
    const code = raw.charCodeAt(at);
    if (code === 0x3f || code === 0x23) break;
    const kind = kinds[code];
    if (kind === 2) return 2;
    if (kind !== 1) shape = 1;
    // `//` and a segment that begins with a dot.
    else if (before === 0x2f && (code === 0x2f || code === 0x2e)) shape = 1;
    before = code;
  }
  for (; at < length; at++) if (kinds[raw.charCodeAt(at)] === 2) return 2;
  return shape;
}
