import { readBlock } from '../compile/address.ts';
import { withoutPatternPort } from '../compile/list-tests.ts';
import type { Mode } from '../compile/mode.ts';
import { isTemplate } from '../compile/path-template.ts';
import { mapPattern, readPattern } from '../compile/pattern.ts';
import type { Pattern } from '../compile/pattern.ts';
import { readRequestPrincipal } from '../compile/request-principal.ts';
import { blockText } from './address-text.ts';
import { anyOf, compare, compareGlob, quote } from './quote.ts';
import { lowerCase } from '../decide/lower-case.ts';

/** Why a value list cannot be said in Cedar. */
export class Inexpressible extends Error {
  override readonly name = 'Inexpressible';
}

/** Says in Cedar that a list of values matches, under one mode. */
export type ListExpression = (values: readonly string[], mode: Mode) => string;

/** One optional string of the context. */
export function textList(name: string): ListExpression {
  return (values) => patternsOn(name, values.map(readPattern));
}

export function exactList(name: string, spell: (value: string) => string = (value) => value): ListExpression {
  return (values) =>
    patternsOn(
      name,
      values.map((value) => ({ kind: 'exact', text: spell(value) })),
    );
}

export const namespaceList: ListExpression = (values) => {
  const operand = attribute('source.namespace');
  return present(
    'source.namespace',
    anyOf(values.map((value) => (value === '*' ? `${operand} != ""` : compareGlob(operand, value)))),
  );
};

export function blockList(name: string, mapped: boolean): ListExpression {
  return (values, mode) => {
    const inside = values.map(
      (value) => `${attribute(name)}.isInRange(ip(${quote(blockText(readBlock(value, mapped)))}))`,
    );
    const known = present(name, anyOf(inside));
    // An address that cannot be derived matches where any doubt does.
    return name === 'remote.ip' && mode === 'wide' ? `(context has "remote.ip.underivable" || (${known}))` : known;
  };
}

export const portList: ListExpression = (values) =>
  present('destination.port', anyOf(values.map((value) => `${attribute('destination.port')} == ${Number(value)}`)));

export const methodList: ListExpression = (values, mode) => {
  const patterns = values.map(readPattern);
  const exact = patternsOn('request.method', patterns);
  return mode === 'wide' ? `((${exact}) || (${patternsOn('request.method.upper', patterns)}))` : exact;
};

export const hostList: ListExpression = (values, mode) => {
  const patterns = values.map((value) => mapPattern(readPattern(value), lowerCase));
  const asSent = patternsOn('request.host.lower', patterns);
  if (mode !== 'wide') return asSent;
  const others = ['unported', 'undotted', 'undotted_port'].map((kind) =>
    patternsOn(`request.host.lower.${kind}`, patterns),
  );
  // A pattern that names a port also takes a host sent without one.
  const bare = patterns.flatMap(withoutPatternPort);
  if (bare.length > 0) {
    const readings = ['request.host.lower', 'request.host.lower.undotted'].map((name) => patternsOn(name, bare));
    others.push(`!(context has "request.host.lower.unported") && ${anyOf(readings.map((term) => `(${term})`))}`);
  }
  return `(${[asSent, ...others].map((term) => `(${term})`).join(' || ')})`;
};

export const pathList: ListExpression = (values, mode) => {
  const name = 'request.url_path';
  const terms = values.map((value) =>
    isTemplate(value) ? templateOn(attribute(name), value, mode) : compare(attribute(name), readPattern(value)),
  );
  return present(name, anyOf(terms));
};

/** `like` knows one wildcard, any characters: a template can be said where that is what its operators mean. */
function templateOn(operand: string, template: string, mode: Mode): string {
  const operators = [...template.matchAll(/\{\*\*?\}/g)].map(([text]) => text);
  if (mode !== 'wide') {
    throw new Inexpressible(
      `\`${template}\` limits its operators to the path characters of RFC 3986, which \`like\` cannot`,
    );
  }
  if (operators.length > 1) {
    throw new Inexpressible(
      `\`${template}\` has ${operators.length} operators, and \`like\` cannot keep one inside a segment`,
    );
  }
  const [head = '', tail = ''] = template.split(/\{\*\*?\}/);
  const between = `${operand} like "${likeLiteral(head)}*${likeLiteral(tail)}"`;
  if (operators[0] === '{**}') return between;
  // One or more characters, none of them a slash.
  return `(${between} && ${operand} != ${quote(head + tail)} && !(${operand} like "${likeLiteral(head)}*/*${likeLiteral(tail)}"))`;
}

function likeLiteral(text: string): string {
  return quote(text).slice(1, -1).replaceAll('*', '\\*');
}

export const requestPrincipalList: ListExpression = (values) => {
  const issuer = attribute('request.auth.issuer');
  const subject = attribute('request.auth.subject');
  const terms = values.map((value) => {
    const form = readRequestPrincipal(value);
    return `(${compare(issuer, form.issuer)} && ${compare(subject, form.subject)})`;
  });
  return `(context has "request.auth.issuer" && context has "request.auth.subject" && ${anyOf(terms)})`;
};

/** A set of strings that was verified as such: any element counts. */
export function elementList(operand: string, presence: string): ListExpression {
  return (values) => {
    const patterns = values.map(readPattern);
    if (patterns.some((pattern) => pattern.kind === 'any')) return `(${presence})`;
    return `(${presence} && ${operand}.containsAny([${exactTexts(patterns, values)}]))`;
  };
}

/** Every value of one header. Wide: any value, under any spelling; narrow: every value. */
export function headerList(header: string): ListExpression {
  const name = lowerCase(header);
  return (values, mode) => {
    const patterns = values.map(readPattern);
    const plain = tagOf('request.headers', name);
    const folded = tagOf('request.headers.folded', name.replaceAll('_', '-'));
    if (patterns.some((pattern) => pattern.kind === 'any'))
      return `(${mode === 'wide' ? folded.presence : plain.presence})`;
    const wanted = `[${exactTexts(patterns, values)}]`;
    switch (mode) {
      case 'wide':
        return `(${folded.presence} && ${folded.operand}.containsAny(${wanted}))`;
      case 'plain':
        return `(${plain.presence} && ${plain.operand}.containsAny(${wanted}))`;
      case 'narrow':
        return `(${plain.presence} && ${folded.presence} && ${wanted}.containsAll(${folded.operand}))`;
      default:
        return mode satisfies never;
    }
  };
}

export function claimList(path: string): ListExpression {
  const { operand, presence } = tagOf('request.auth.claims', path);
  return elementList(operand, presence);
}

function tagOf(name: string, tag: string): { operand: string; presence: string } {
  const entity = attribute(name);
  return {
    operand: `${entity}.getTag(${quote(tag)})`,
    presence: `context has ${quote(name)} && ${entity}.hasTag(${quote(tag)})`,
  };
}

function exactTexts(patterns: readonly Pattern[], values: readonly string[]): string {
  return patterns
    .map((pattern, i) => {
      if (pattern.kind === 'exact') return quote(pattern.text);
      throw new Inexpressible(
        `\`${values[i] ?? ''}\` is a pattern over values that may be several, and Cedar cannot test each of a set`,
      );
    })
    .join(', ');
}

function patternsOn(name: string, patterns: readonly Pattern[]): string {
  return present(name, anyOf(patterns.map((pattern) => compare(attribute(name), pattern))));
}

function present(name: string, term: string): string {
  return `(context has ${quote(name)} && ${term})`;
}

export function attribute(name: string): string {
  return `context[${quote(name)}]`;
}
