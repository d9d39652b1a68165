import { isTemplate } from '../compile/path-template.ts';
import { readPattern } from '../compile/pattern.ts';
import { readRequestPrincipal } from '../compile/request-principal.ts';

/**
 * Says of a value that it has a `*` which is a mere character, where a value has one for no other reason than that somebody took it for a
 * wildcard. In namespaces every `*` is one (authorization.md §1.2); headers and claims may well contain it, but hardly `*x*`.
 */
export function innerStar(key: string, value: string): string | undefined {
  const stars = textsOf(key, value).some((text) => text.includes('*'));
  return stars
    ? `\`*\` is a wildcard alone or at one end, and \`${value}\` has one that is a mere character`
    : undefined;
}

function textsOf(key: string, value: string): readonly string[] {
  switch (key) {
    case 'path':
      return isTemplate(value) ? [] : textOf(value);
    case 'host':
    case 'connection.sni':
    case 'source.principal':
    case 'source.trustDomain':
      return textOf(value);
    case 'request.auth.principal': {
      const { issuer, subject } = readRequestPrincipal(value);
      return [issuer, subject].flatMap((pattern) => (pattern.kind === 'any' ? [] : [pattern.text]));
    }
    default:
      // `*/*` and the like are what Accept and its kin are made of.
      return isFreeText(key) && /^\*[^/].*\*$/.test(value) && !/^request\.headers\[accept/i.test(key)
        ? textOf(value)
        : [];
  }
}

function textOf(value: string): readonly string[] {
  const pattern = readPattern(value);
  return pattern.kind === 'any' ? [] : [pattern.text];
}

/** Where any text may stand, and what looks odd may be meant. */
export function isFreeText(key: string): boolean {
  return key.startsWith('request.');
}
