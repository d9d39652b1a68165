import { withoutPort } from '../decide/host.ts';
import { readBlock } from './address.ts';
import { AddressTest, AnyTest, PortTest, TextTest } from './field-test.ts';
import type { AddressSource, FieldTest, Key } from './field-test.ts';
import type { Facts } from '../decide/facts.ts';
import { GlobMatcher } from './glob.ts';
import { lenses, metadataLens } from './lens.ts';
import type { Lens } from './lens.ts';
import type { Mode } from './mode.ts';
import { isTemplate, PathTemplate } from './path-template.ts';
import { mapPattern, readPattern } from './pattern.ts';
import type { Pattern } from './pattern.ts';
import { textMatcher } from './text-matcher.ts';
import type { Matcher } from './text-matcher.ts';
import { lowerCase } from '../decide/lower-case.ts';

/** Turns the values of one list into its test, for one mode. */
export type TestMaker = (values: readonly string[], mode: Mode) => FieldTest;

export function texts(lens: Lens): TestMaker {
  return (values, mode) => new TextTest(lens, mode, textMatcher(values.map(readPattern)));
}

/** For a header `*` is presence: an empty value matches too. */
export function headerTexts(lens: Lens): TestMaker {
  return (values, mode) => new TextTest(lens, mode, textMatcher(values.map(readPattern), true));
}

export function exactTexts(lens: Lens, spell: (value: string) => string): TestMaker {
  const exact = (value: string): Pattern => ({ kind: 'exact', text: spell(value) });
  return (values, mode) => new TextTest(lens, mode, textMatcher(values.map(exact)));
}

/** In a namespace every `*` stands for any characters, wherever it is. */
export const namespaces: TestMaker = (values, mode) => {
  const simple = values.every(
    (value) => !value.slice(1, -1).includes('*') && !(value.length > 1 && /^\*.*\*$/.test(value)),
  );
  return simple ? texts(lenses.namespace)(values, mode) : new TextTest(lenses.namespace, mode, new GlobMatcher(values));
};

export function blocks(from: AddressSource, mapped: boolean): TestMaker {
  return (values, mode) =>
    new AddressTest(
      from,
      mode,
      values.map((value) => readBlock(value, mapped)),
    );
}

export const ports: TestMaker = (values) => new PortTest(values.map(Number));

/** Host names compare without case. A wide list also takes a host that leaves out the port that a pattern names. */
export const hosts: TestMaker = (values, mode) => {
  const patterns = values.map((value) => mapPattern(readPattern(value), lowerCase));
  const plain = new TextTest(lenses.host, mode, textMatcher(patterns));
  const unported = mode === 'wide' ? patterns.flatMap(withoutPatternPort) : [];
  return unported.length === 0 ? plain : new AnyTest([plain, new UnportedHostTest(unported)]);
};

/** Compares only hosts that were sent without a port. */
class UnportedHostTest implements FieldTest {
  readonly precise = false;
  readonly #inner: TextTest;

  constructor(patterns: readonly Pattern[]) {
    this.#inner = new TextTest(lenses.host, 'wide', textMatcher(patterns));
  }

  test(facts: Facts): boolean {
    return facts.host !== undefined && withoutPort(facts.host) === facts.host && this.#inner.test(facts);
  }

  keys(): readonly Key[] {
    return this.#inner.keys();
  }
}

/** The pattern for a host sent without the port that the pattern names; none where it names none. */
export function withoutPatternPort(pattern: Pattern): Pattern[] {
  if (pattern.kind === 'any') return [];
  const bare = withoutPort(pattern.text);
  if (bare === pattern.text) return [];
  if (pattern.kind === 'suffix') return [bare === '' ? { kind: 'any' } : { kind: 'suffix', text: bare }];
  return [{ kind: 'exact', text: bare }];
}

export const paths: TestMaker = (values, mode) => {
  const patterns = values.filter((value) => !isTemplate(value)).map(readPattern);
  const templates = values.filter(isTemplate).map((value) => new PathTemplate(value, mode === 'wide'));
  const plain = textMatcher(patterns);
  return new TextTest(lenses.path, mode, templates.length === 0 ? plain : new PathMatcher(plain, templates));
};

class PathMatcher implements Matcher {
  readonly precise = false;
  readonly #plain: Matcher;
  readonly #templates: readonly PathTemplate[];

  constructor(plain: Matcher, templates: readonly PathTemplate[]) {
    this.#plain = plain;
    this.#templates = templates;
  }

  matches(path: string): boolean {
    return this.#plain.matches(path) || this.#templates.some((template) => template.matches(path));
  }

  keys(): readonly Pattern[] {
    return [...this.#plain.keys(), ...this.#templates.map(templateKey)];
  }
}

/** The longer literal end of a template is what it is found by. */
function templateKey(template: PathTemplate): Pattern {
  return template.suffix.length > template.prefix.length
    ? { kind: 'suffix', text: template.suffix }
    : { kind: 'prefix', text: template.prefix };
}

/** `[v]` means that a list contains v; any other value is compared with a string. */
export function metadata(filter: string, key: string): TestMaker {
  return (values, mode) => {
    const isElement = (value: string): boolean => value.length > 2 && value.startsWith('[') && value.endsWith(']');
    const elements = values.filter(isElement).map((value) => value.slice(1, -1));
    const strings = values.filter((value) => !isElement(value));
    const tests = [
      ...(elements.length > 0 ? [texts(metadataLens(filter, key, true))(elements, mode)] : []),
      ...(strings.length > 0 ? [texts(metadataLens(filter, key, false))(strings, mode)] : []),
    ];
    return tests.length === 1 && tests[0] !== undefined ? tests[0] : new AnyTest(tests);
  };
}
