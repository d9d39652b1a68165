/** Per character: what it makes of a path. */
const kinds = new Uint8Array(128);
const ordinary = 1;
/** A slash or a dot: ordinary as well, unless it comes after a slash. */
const afterSlashOdd = 2;
const endsPath = 3;
/** A control character or a space: it may stand nowhere, not in the query either. */
const broken = 4;

for (const letter of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~!$&'()*+,;=:@[]") {
  kinds[letter.charCodeAt(0)] = ordinary;
}
for (const letter of '/.') kinds[letter.charCodeAt(0)] = afterSlashOdd;
for (const letter of '?#') kinds[letter.charCodeAt(0)] = endsPath;
for (let code = 0; code <= 0x20; code++) kinds[code] = broken;
kinds[0x7f] = broken;

/**
 * What stands before the query and the fragment, where it begins with a slash and no level of normalisation would change it.
 * Undefined for any other path, and for one that is broken: those are looked at closely.
 */
export function plainPath(raw: string): string | undefined {
  if (raw.charCodeAt(0) !== 0x2f) return undefined;
  for (let at = 1; at < raw.length; at++) {
    const kind = kinds[raw.charCodeAt(at)];
    if (kind === ordinary) continue;
    if (kind === endsPath) return isBroken(raw, at) ? undefined : raw.slice(0, at);
    if (kind !== afterSlashOdd || raw.charCodeAt(at - 1) === 0x2f) return undefined;
  }
  return raw;
}

/** Whether there is a control character or a space, in the query or before it. */
export function isBroken(raw: string, from = 0): boolean {
  for (let at = from; at < raw.length; at++) if (kinds[raw.charCodeAt(at)] === broken) return true;
  return false;
}
