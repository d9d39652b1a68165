import type { Settings } from '../compile/settings.ts';
import { endOfPath, isAmbiguous, normalizePath, pathOnly } from './normalize-path.ts';
import { isBroken, plainPath } from './scan-path.ts';

export type PathSettings = Pick<Settings, 'strict' | 'pathLevel'>;

/** A path as rules read it, or why there is none (400). CONNECT names no path, and that is no fault. */
export interface PathRead {
  readonly path: string | undefined;
  readonly fault: string | undefined;
}

export function lookAtPath({ strict, pathLevel }: PathSettings, method: string | undefined, raw: string): PathRead {
  if (strict && raw === '') return refused('the path is empty');
  if (strict && isBroken(raw)) return refused('the path has a control character or a space');
  const path = pathOnly(raw);
  if (path === '*' && method === 'OPTIONS') return { path, fault: undefined };
  // What CONNECT names is no path.
  if (method === 'CONNECT' && !path.startsWith('/')) return { path: undefined, fault: undefined };
  const normalized = normalizePath(pathLevel, path);
  if (normalized === undefined) return refused('the path cannot be normalised');
  if (strict && isAmbiguous(path)) return refused('the path means another thing when slashes are merged first');
  return { path: normalized, fault: undefined };
}

/**
 * A request target as it must go on: the path that rules were matched against, and the query as it came. Whoever passes on
 * another spelling lets the next server resolve what nobody decided on (CVE-2019-9901).
 */
export function targetToForward(
  settings: PathSettings,
  method: string | undefined,
  target: string,
): { readonly target: string } | { readonly fault: string } {
  if (plainPath(target) !== undefined) return { target };
  const { path, fault } = lookAtPath(settings, method, target);
  if (fault !== undefined) return { fault };
  return { target: path === undefined ? target : path + target.slice(endOfPath(target)) };
}

function refused(fault: string): PathRead {
  return { path: undefined, fault };
}
