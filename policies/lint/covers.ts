import { mask, readBlock } from '../compile/address.ts';
import { PathTemplate, isTemplate } from '../compile/path-template.ts';
import { readPattern } from '../compile/pattern.ts';
import type { Pattern } from '../compile/pattern.ts';
import { readRequestPrincipal } from '../compile/request-principal.ts';

/**
 * Proofs about two values of one attribute. They say yes only where it holds for every request, in every reading and
 * both profiles; where they say no nothing is claimed.
 */

export function patternCovers(wide: Pattern, narrow: Pattern): boolean {
  switch (wide.kind) {
    case 'any':
      return true;
    case 'exact':
      return narrow.kind === 'exact' && narrow.text === wide.text;
    case 'prefix':
      return (narrow.kind === 'exact' || narrow.kind === 'prefix') && narrow.text.startsWith(wide.text);
    case 'suffix':
      return (narrow.kind === 'exact' || narrow.kind === 'suffix') && narrow.text.endsWith(wide.text);
    default:
      return wide satisfies never;
  }
}

/** No text matches both. */
function patternsDisjoint(a: Pattern, b: Pattern): boolean {
  if (a.kind === 'exact' && b.kind === 'exact') return a.text !== b.text;
  if (a.kind === 'exact') return !patternCovers(b, a);
  if (b.kind === 'exact') return !patternCovers(a, b);
  if (a.kind === 'prefix' && b.kind === 'prefix') return !a.text.startsWith(b.text) && !b.text.startsWith(a.text);
  if (a.kind === 'suffix' && b.kind === 'suffix') return !a.text.endsWith(b.text) && !b.text.endsWith(a.text);
  return false;
}

/** Every request that matches `narrow` matches `wide`. */
export function valueCovers(key: string, wide: string, narrow: string): boolean {
  if (wide === narrow) return true;
  switch (key) {
    case 'source.ip':
    case 'remote.ip':
    case 'destination.ip':
      return blockCovers(wide, narrow);
    case 'destination.port':
      return Number(wide) === Number(narrow);
    case 'source.serviceAccount':
      return false;
    case 'request.auth.principal': {
      const [w, n] = [readRequestPrincipal(wide), readRequestPrincipal(narrow)];
      return patternCovers(w.issuer, n.issuer) && patternCovers(w.subject, n.subject);
    }
    case 'source.namespace':
      return isGlob(wide) || isGlob(narrow) ? wide === '*' : patternCovers(readPattern(wide), readPattern(narrow));
    case 'path':
      return pathCovers(wide, narrow);
    case 'host': {
      // A wide list reads `h:80` as `h` too, which a pattern for the whole need not match.
      const [w, n] = [wide.toLowerCase(), narrow.toLowerCase()];
      return w === n || w === '*' || (!`${w}${n}`.includes(':') && patternCovers(readPattern(w), readPattern(n)));
    }
    default:
      return key.startsWith('experimental.') ? false : patternCovers(readPattern(wide), readPattern(narrow));
  }
}

/** No one value of the attribute matches both. */
export function valuesDisjoint(key: string, a: string, b: string): boolean {
  if (a === b) return false;
  switch (key) {
    case 'source.ip':
    case 'destination.ip':
      return blocksDisjoint(a, b);
    case 'destination.port':
      return Number(a) !== Number(b);
    case 'source.serviceAccount':
      return true;
    case 'source.namespace':
      return !isGlob(a) && !isGlob(b) && patternsDisjoint(readPattern(a), readPattern(b));
    case 'path':
      return !isTemplate(a) && !isTemplate(b) && patternsDisjoint(readPattern(a), readPattern(b));
    case 'host': {
      const [x, y] = [a.toLowerCase(), b.toLowerCase()];
      return !`${x}${y}`.includes(':') && patternsDisjoint(readPattern(x), readPattern(y));
    }
    case 'source.principal':
    case 'source.trustDomain':
    case 'connection.sni':
    case 'method':
      return patternsDisjoint(readPattern(a), readPattern(b));
    default:
      return key.startsWith('request.headers[') && patternsDisjoint(readPattern(a), readPattern(b));
  }
}

/** In a namespace a `*` inside, or at both ends, stands for any characters. */
function isGlob(value: string): boolean {
  return value.slice(1, -1).includes('*') || (value.length > 1 && value.startsWith('*') && value.endsWith('*'));
}

function pathCovers(wide: string, narrow: string): boolean {
  if (isTemplate(narrow)) {
    const { prefix, suffix } = new PathTemplate(narrow, false);
    const pattern = isTemplate(wide) ? undefined : readPattern(wide);
    if (pattern === undefined) return false;
    if (pattern.kind === 'prefix') return prefix.startsWith(pattern.text);
    return pattern.kind === 'any' || (pattern.kind === 'suffix' && suffix.endsWith(pattern.text));
  }
  const pattern = readPattern(narrow);
  if (isTemplate(wide)) return pattern.kind === 'exact' && new PathTemplate(wide, false).matches(pattern.text);
  return patternCovers(readPattern(wide), pattern);
}

/** IPv4-mapped blocks are blocks of IPv4 in the strict profile and of IPv6 in the other: what is told must hold in both. */
function blockCovers(wide: string, narrow: string): boolean {
  return [false, true].every((mapped) => {
    const [w, n] = [readBlock(wide, mapped), readBlock(narrow, mapped)];
    return w.family === n.family && w.bits <= n.bits && mask(n.words, w.bits).join() === mask(w.words, w.bits).join();
  });
}

function blocksDisjoint(a: string, b: string): boolean {
  return [false, true].every((mapped) => {
    const [x, y] = [readBlock(a, mapped), readBlock(b, mapped)];
    const bits = Math.min(x.bits, y.bits);
    return x.family !== y.family || mask(x.words, bits).join() !== mask(y.words, bits).join();
  });
}
