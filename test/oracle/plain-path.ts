/** Path normalisation written down as a list of steps, to be compared with the one that is fast. */

export type Level = 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';

export function cutPath(raw: string): string {
  return raw.split('#')[0]!.split('?')[0]!;
}

/** `refused` where the level refuses the path. */
export function normalized(level: Level, path: string): string {
  if (!path.startsWith('/')) return 'refused';
  if (level === 'NONE') return path;
  const decoded = level === 'DECODE_AND_MERGE_SLASHES' ? decodeSlashes(path) : path;
  const base = canonical(plainDots(decoded));
  if (base === 'refused' || level === 'BASE') return base;
  return base.split(/\/+/).join('/');
}

/** Both orders of merging slashes and resolving dots must lead to one path. */
export function hasTwoMeanings(path: string): boolean {
  if (!path.startsWith('/')) return false;
  const undecided = canonical(plainDots(decodeSlashes(path)));
  if (undecided.split('/').some((segment) => /^\.{1,2};/.test(segment))) return true;
  const decoded = plainDots(decodeSlashes(path).split('\\').join('/'));
  const late = canonical(decoded);
  const early = canonical(decoded.split(/\/+/).join('/'));
  return late.split(/\/+/).join('/') !== early.split(/\/+/).join('/');
}

function decodeSlashes(path: string): string {
  return path.replace(/%2[fF]/g, '/').replace(/%5[cC]/g, '\\');
}

/** Segments of one or two dots lose their parameters. */
function plainDots(path: string): string {
  return path
    .split('/')
    .map((segment, i) => (i === 0 ? segment : segment.replace(/^(\.{1,2});.*$/s, '$1')))
    .join('/');
}

function canonical(path: string): string {
  if (path.includes('\0') || path.includes('%00')) return 'refused';
  const segments = path
    .replace(/\\/g, '/')
    .split('/')
    .slice(1)
    .map((segment) => segment.replace(/%2e/gi, '.'));
  const kept: string[] = [];
  segments.forEach((segment, i) => {
    const last = i === segments.length - 1;
    if (segment === '..') kept.pop();
    if (segment === '.' || segment === '..') {
      if (last) kept.push('');
    } else {
      kept.push(segment);
    }
  });
  return `/${kept.map(spell).join('/')}`;
}

/** Unreserved characters stand for themselves; what may not stand in a path is escaped; all else stays as it came. */
function spell(segment: string): string {
  return segment.replace(/%[0-9a-fA-F]{2}|[^]/g, (part) => {
    if (part.length === 3) {
      const letter = String.fromCharCode(parseInt(part.slice(1), 16));
      return /[A-Za-z0-9\-_~]/.test(letter) ? letter : part;
    }
    if (!/[\0-\x20"#<>?^`{|}\x7f-\xff]/.test(part)) return part;
    return `%${part.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}
