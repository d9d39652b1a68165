export const pathLevels = ['NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;
export type PathLevel = (typeof pathLevels)[number];

/** What stands before the query and the fragment, both of which no `paths` value ever sees. */
export function pathOnly(raw: string): string {
  const end = endOfPath(raw);
  return end === raw.length ? raw : raw.slice(0, end);
}

export function endOfPath(raw: string): number {
  for (let at = 0; at < raw.length; at++) {
    const code = raw.charCodeAt(at);
    if (code === 0x3f || code === 0x23) return at;
  }
  return raw.length;
}

/**
 * The path that rules are matched against, or undefined where the level refuses it (400).
 * As Envoy does it: escaped slashes are decoded, then the path is made canonical, then slashes are merged.
 */
export function normalizePath(level: PathLevel, path: string): string | undefined {
  // No level reads a path that starts elsewhere than at the root (`*` of OPTIONS is no path and is asked about before).
  if (path.charCodeAt(0) !== 0x2f) return undefined;
  if (level === 'NONE') return path;
  const decoded = level === 'DECODE_AND_MERGE_SLASHES' ? decodeSlashes(path) : path;
  const canonical = canonicalize(withoutDotParameters(decoded));
  return canonical === undefined || level === 'BASE' ? canonical : mergeSlashes(canonical);
}

/**
 * Whether the path has two readings: it matters that `//` is merged after `..` is resolved and not before, or a dot segment
 * with parameters (`/%2e%2e;/`) is left that the next server resolves.
 */
export function isAmbiguous(path: string): boolean {
  const slashed = decodeSlashes(path);
  if (path.includes(';') && dotWithParameters.test(canonicalize(withoutDotParameters(slashed)) ?? '')) return true;
  const decoded = withoutDotParameters(slashed.replaceAll('\\', '/'));
  if (!decoded.includes('//')) return false;
  const after = canonicalize(decoded);
  const before = canonicalize(mergeSlashes(decoded));
  return (
    (after === undefined ? undefined : mergeSlashes(after)) !==
    (before === undefined ? undefined : mergeSlashes(before))
  );
}

function decodeSlashes(path: string): string {
  return path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\');
}

const dotWithParameters = /\/\.\.?;/;

/** Envoy takes the parameters off a segment of dots, as many applications do: `/a/..;x=1/b` is `/a/../b`. Escaped dots it leaves. */
function withoutDotParameters(path: string): string {
  return path.includes(';') ? path.replace(/(\/\.\.?);[^/]*/g, '$1') : path;
}

function mergeSlashes(path: string): string {
  return path.includes('//') ? path.replace(/\/+/g, '/') : path;
}

/** Per octet: 1 = always unescaped (unreserved), 2 = always escaped. The table of Chromium's URL library, which Envoy uses. */
const treatment = new Uint8Array(256);
for (const letter of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~')
  treatment[letter.charCodeAt(0)] = 1;
for (let code = 0; code <= 0x20; code++) treatment[code] = 2;
for (let code = 0x7f; code <= 0xff; code++) treatment[code] = 2;
for (const letter of '"#<>?^`{|}') treatment[letter.charCodeAt(0)] = 2;

/** Dot segments resolved, `\` turned into `/`, unreserved characters unescaped, the rest escaped. Undefined for a NUL. */
function canonicalize(path: string): string | undefined {
  const out: string[] = [];
  /** Where in `out` a `%` stands that escapes nothing. */
  let stray = -9;
  let at = 0;
  while (at < path.length) {
    const dot = dotLength(path, at);
    if (dot > 0) {
      at += dot;
      if (out.at(-1) !== '/') {
        out.push('.');
        continue;
      }
      const second = dotLength(path, at);
      if (isSegmentEnd(path, at)) {
        at += 1;
      } else if (second > 0 && isSegmentEnd(path, at + second)) {
        at += second + 1;
        // Back to just behind the slash before the last one; the root has nothing above it.
        if (out.length > 1) {
          out.pop();
          while (out.length > 0 && out.at(-1) !== '/') out.pop();
          // What stood in the segment that is gone escapes nothing any more.
          if (stray >= out.length) stray = -9;
        }
      } else {
        out.push('.');
      }
      continue;
    }
    const code = path.charCodeAt(at);
    if (code === 0x5c) {
      out.push('/');
      at += 1;
    } else if (code === 0x25) {
      const octet = escapedOctet(path, at);
      if (octet === undefined) {
        stray = out.length;
        out.push('%');
        at += 1;
        continue;
      }
      if (octet === 0) return undefined;
      if (treatment[octet] === 1) {
        out.push(String.fromCharCode(octet));
        // `%%341` and `%4%31` must not come out as `%41`: the stray percent sign is escaped itself.
        if (stray >= out.length - 3) {
          const behind = out.slice(stray + 1).join('') + path.charAt(at + 3);
          if (escapedOctet(`%${behind}`, 0) !== undefined) out[stray] = '%25';
        }
      } else {
        for (let i = 0; i < 3; i++) out.push(path.charAt(at + i));
      }
      at += 3;
    } else {
      if (code === 0) return undefined;
      if (code > 0xff || treatment[code] === 2) pushEscaped(out, path, at);
      else out.push(path.charAt(at));
      at += (path.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
    }
  }
  return out.join('');
}

/** Length of a dot at a position: 1 as it is, 3 escaped, 0 for none. */
function dotLength(path: string, at: number): 0 | 1 | 3 {
  const code = path.charCodeAt(at);
  if (code === 0x2e) return 1;
  return code === 0x25 && path.charCodeAt(at + 1) === 0x32 && (path.charCodeAt(at + 2) | 0x20) === 0x65 ? 3 : 0;
}

function isSegmentEnd(path: string, at: number): boolean {
  if (at >= path.length) return true;
  const code = path.charCodeAt(at);
  return code === 0x2f || code === 0x5c;
}

function escapedOctet(path: string, at: number): number | undefined {
  const digits = path.slice(at + 1, at + 3);
  return /^[0-9a-fA-F]{2}$/.test(digits) ? parseInt(digits, 16) : undefined;
}

/** A character beyond one octet came from text, not from the wire: its UTF-8 octets are escaped. */
function pushEscaped(out: string[], path: string, at: number): void {
  const code = path.codePointAt(at) ?? 0;
  const octets = code <= 0xff ? [code] : new TextEncoder().encode(String.fromCodePoint(code));
  for (const octet of octets)
    for (const digit of `%${octet.toString(16).toUpperCase().padStart(2, '0')}`) out.push(digit);
}
