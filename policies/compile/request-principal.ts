import type { Facts } from '../decide/facts.ts';
import type { FieldTest, Key } from './field-test.ts';
import { lenses } from './lens.ts';
import { matchesPattern, readPattern } from './pattern.ts';
import type { Pattern } from './pattern.ts';

/** A value of requestPrincipals: split at its last slash into issuer and subject; a wildcard binds to the side it stands on. */
export interface RequestPrincipalForm {
  readonly issuer: Pattern;
  readonly subject: Pattern;
}

const any: Pattern = { kind: 'any' };

export function readRequestPrincipal(value: string): RequestPrincipalForm {
  const slash = value.lastIndexOf('/');
  if (slash < 0) {
    const pattern = readPattern(value);
    if (pattern.kind === 'suffix') return { issuer: any, subject: pattern };
    if (pattern.kind === 'prefix') return { issuer: pattern, subject: any };
    // Without a slash a value names an issuer and an empty subject, which no token has.
    return pattern.kind === 'any'
      ? { issuer: any, subject: any }
      : { issuer: pattern, subject: { kind: 'exact', text: '' } };
  }
  const left = value.slice(0, slash);
  const right = value.slice(slash + 1);
  if (left.startsWith('*')) return { issuer: readPattern(left), subject: { kind: 'exact', text: right } };
  return {
    issuer: { kind: 'exact', text: left },
    subject: right.endsWith('*') ? rightPattern(right) : { kind: 'exact', text: right },
  };
}

/** `foo/*` takes any subject; in `foo/bar*` the subject starts so; a leading `*` there is literal. */
function rightPattern(right: string): Pattern {
  return right === '*' ? any : { kind: 'prefix', text: right.slice(0, -1) };
}

export class RequestPrincipalTest implements FieldTest {
  readonly precise = false;
  readonly #forms: readonly RequestPrincipalForm[];
  /** Subjects by issuer, where both are exact. */
  readonly #exact = new Map<string, Set<string>>();
  readonly #others: readonly RequestPrincipalForm[];

  constructor(values: readonly string[]) {
    this.#forms = values.map(readRequestPrincipal);
    const others: RequestPrincipalForm[] = [];
    for (const form of this.#forms) {
      if (form.issuer.kind === 'exact' && form.subject.kind === 'exact') {
        const subjects = this.#exact.get(form.issuer.text) ?? new Set();
        this.#exact.set(form.issuer.text, subjects.add(form.subject.text));
      } else {
        others.push(form);
      }
    }
    this.#others = others;
  }

  test(facts: Facts): boolean {
    const token = facts.token;
    // A principal needs both halves.
    if (token === undefined || token.issuer === '' || token.subject === '') return false;
    if (this.#exact.get(token.issuer)?.has(token.subject) === true) return true;
    return this.#others.some(
      (form) => matchesPattern(form.issuer, token.issuer) && matchesPattern(form.subject, token.subject),
    );
  }

  keys(): readonly Key[] {
    return this.#forms.map(({ issuer, subject }) =>
      subject.kind === 'exact' || (subject.kind !== 'any' && issuer.kind === 'any')
        ? { kind: 'text', lens: lenses.subject, pattern: subject }
        : { kind: 'text', lens: lenses.issuer, pattern: issuer },
    );
  }
}
