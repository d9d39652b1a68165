import { readBlock } from '../compile/address.ts';
import { check, map, string } from '#schema/index.ts';
import type { Shape } from '#schema/index.ts';

/** What may stand in a list of values to match: authorization.md §4, rows 16 to 23. */

export const text: Shape<string> = string({ minLength: 1 });

/** An IP address or a CIDR block. */
export const block: Shape<string> = check(text, (value, here) => {
  if (!isBlock(value)) {
    here.fault(`\`${value}\` is neither an IP address nor a CIDR block`, 'write it as `10.0.0.0/8` or `2001:db8::1`');
  }
});

function isBlock(value: string): boolean {
  try {
    readBlock(value, false);
    return true;
  } catch {
    return false;
  }
}

/** A port in decimal, kept without leading zeros. */
export const port: Shape<string> = map(
  text,
  (value, here) => {
    if (/^\d{1,9}$/.test(value) && Number(value) <= 65535) return String(Number(value));
    here.fault(`\`${value}\` is not a port`, 'write a number from 0 to 65535');
    return undefined;
  },
  { pattern: '^[0-9]+$' },
);

/** `sa` or `namespace/sa`. */
export const serviceAccount: Shape<string> = check(
  string({ minLength: 1, maxLength: 320 }),
  (value, here) => {
    const halves = value.split('/');
    const fix = 'write `name` or `namespace/name`';
    if (value.includes('*')) here.fault(`\`${value}\`: a service account has no wildcards`, 'write it out in full');
    else if (halves.length > 2) here.fault(`\`${value}\` has more than one \`/\``, fix);
    else if (halves.includes('')) here.fault(`\`${value}\` lacks a name beside its \`/\``, fix);
  },
  { pattern: '^[^*/]+(/[^*/]+)?$' },
);

/** A trust domain, exact or with one `*` at an end. */
export const trustDomain: Shape<string> = check(
  text,
  (value, here) => {
    const stars = value.split('*').length - 1;
    if (value.includes('/')) here.fault(`\`${value}\`: a trust domain has no \`/\``, 'write the trust domain only');
    else if (stars > 1) here.fault(`\`${value}\` has more than one \`*\``, 'keep one, at the beginning or the end');
    else if (stars === 1 && !value.startsWith('*') && !value.endsWith('*')) {
      here.fault(`\`${value}\` has a \`*\` in the middle`, 'put it at the beginning or the end');
    }
  },
  { pattern: '^(\\*?[^*/]+|[^*/]+\\*|\\*)$' },
);

/** RFC 3986 §3.3 without `*`, which in a template could be meant as a wildcard. */
const literal = /^[a-zA-Z0-9\-._~%!$&'()+,;:@=]+$/;

/** Upstream turns a template into a regular expression, and caps those since its bulletin 2026-006. */
const longestTemplate = 1024;

/** A path, or a path template: its operators are whole segments, and nothing that operates follows `{**}`. */
export const path: Shape<string> = check(text, (value, here) => {
  if (!value.includes('{') && !value.includes('}')) return;
  const template = value.includes('{*}') || value.includes('{**}');
  if (template && value.length > longestTemplate) {
    here.fault(`a path template of ${value.length} characters`, `keep it within ${longestTemplate}`);
    return;
  }
  let closed = false;
  for (const segment of value.replace(/^\/+|\/+$/g, '').split('/')) {
    if (segment === '{*}' || segment === '{**}') {
      if (closed) {
        here.fault(`\`${value}\` has an operator after \`{**}\``, 'let `{**}` be the last one');
        return;
      }
      closed = segment === '{**}';
    } else if (/[{}]/.test(segment)) {
      here.fault(
        `\`${value}\` has braces other than a whole segment \`{*}\` or \`{**}\``,
        'write `{*}` or `{**}` between slashes',
      );
      return;
    } else if (template && !literal.test(segment)) {
      const fix = 'between slashes, use an operator or the characters of RFC 3986 paths without `*`';
      here.fault(`\`${value}\` has \`${segment}\` in a path template`, fix);
      return;
    }
  }
});
