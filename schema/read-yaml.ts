import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import type { Node } from './node.ts';
import type { Fault } from './place.ts';
import { Unsure } from './cursor.ts';
import { readGeneral } from './read-general.ts';
import { readQuick } from './read-quick.ts';
import { Source } from './source.ts';
import { finish } from './steps.ts';
import type { Steps } from './steps.ts';
import { TreeBuilder, Unreadable } from './tree-builder.ts';

export interface ReadYaml {
  /** One for every document that says anything; documents with faults may be missing or incomplete. */
  readonly documents: readonly Node[];
  /** Whether the text may be used: only without any. */
  readonly faults: readonly Fault[];
}

/**
 * Reads a YAML text, or a JSON one, which is YAML, into trees that know where everything stands.
 * Strict where readers differ: duplicate keys, merge keys, tags, control characters and bytes that are no UTF-8 are refused.
 */
export function readYaml(input: string | Uint8Array, file: string, limits: Partial<Limits> = {}): ReadYaml {
  const documents: Node[] = [];
  const end = finish(readYamlSteps(input, file, limits, (document) => documents.push(document)));
  return { documents: end.whole ? documents : [], faults: end.faults };
}

export interface EndOfText {
  readonly faults: readonly Fault[];
  /** Whether it was read to its end. */
  readonly whole: boolean;
}

/** Hands each document on as soon as it is read: with faults in the end none of them may be used. */
export function* readYamlSteps(
  input: string | Uint8Array,
  file: string,
  limits: Partial<Limits>,
  take: (document: Node) => void,
): Steps<EndOfText> {
  const bounds = { ...defaultLimits, ...limits };
  const decoded = decode(input, bounds);
  const build = new TreeBuilder(new Source(file, decoded.text), bounds);
  try {
    if (decoded.refusal !== undefined) build.refuse(0, decoded.refusal.reason, decoded.refusal.fix);
    yield* refuseControlCharacters(build);
    yield* readDocuments(build, take);
    return { faults: build.faults, whole: true };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { faults: build.faults, whole: false };
  }
}

interface Decoded {
  readonly text: string;
  readonly refusal?: { readonly reason: string; readonly fix: string };
}

function decode(input: string | Uint8Array, limits: Limits): Decoded {
  if (input.length > limits.bytes) {
    const reason = `the text is longer than ${limits.bytes} bytes`;
    return { text: '', refusal: { reason, fix: 'split it into several files' } };
  }
  if (typeof input === 'string') return { text: clean(input) };
  try {
    return { text: clean(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input)) };
  } catch {
    return { text: '', refusal: { reason: 'the text is not UTF-8', fix: 'save it as UTF-8' } };
  }
}

/** Without the byte order mark, and with the line ends of one system. */
function clean(text: string): string {
  const bare = text.startsWith('\ufeff') ? text.slice(1) : text;
  return bare.includes('\r') ? bare.replaceAll('\r\n', '\n') : bare;
}

// YAML 1.2.2 §5.1: not printable. A carriage return of its own is a line end to some readers and not to others.
// eslint-disable-next-line no-control-regex -- the control characters are what is looked for
const control = /[\x00-\x08\x0b-\x1f\x7f]/;

/** Texts are searched through in pieces of this size. */
const pieceSize = 64 * 1024;

function* refuseControlCharacters(build: TreeBuilder): Steps<void> {
  const text = build.source.text;
  for (let start = 0; start < text.length; start += pieceSize) {
    const found = text.slice(start, start + pieceSize).search(control);
    if (found !== -1) {
      const code = text
        .charCodeAt(start + found)
        .toString(16)
        .toUpperCase()
        .padStart(4, '0');
      build.refuse(
        start + found,
        `control character U+${code}`,
        'remove it, or write it as an escape in a double-quoted string',
      );
    }
    yield;
  }
}

/** Directives, document ends and inner byte order marks change how the rest is read: not for the quick reader. */
const generalMark = /(?:^|\n)(?:%|\.\.\.)|\ufeff/;
const innerGeneralMark = /\n(?:%|\.\.\.)|\ufeff/;
/** The characters of the longest of them, save one. */
const overlap = 3;

function* readDocuments(build: TreeBuilder, take: (document: Node) => void): Steps<void> {
  const { text } = build.source;
  for (let start = 0; start < text.length; start += pieceSize) {
    const piece = text.slice(start, start + pieceSize + overlap);
    const found = piece.search(start === 0 ? generalMark : innerGeneralMark);
    if (found !== -1) {
      new GeneralBudget(build).spend(text.length, 0);
      for (const node of readGeneral(build, text, 0)) take(node);
      return;
    }
    yield;
  }
  const budget = new GeneralBudget(build);
  for (const part of splitDocuments(text)) {
    for (const node of readPart(build, part, budget)) take(node);
    yield;
  }
}

interface Part {
  readonly start: number;
  /** Past the `---` that begins it. */
  readonly body: number;
  readonly end: number;
}

/** `---` in the first column begins a document wherever it stands (YAML 1.2.2 §9.1.2), even within quotes. */
function* splitDocuments(text: string): Generator<Part> {
  let start = 0;
  let body = isMarker(text, 0) ? 3 : 0;
  for (let at = text.indexOf('\n---'); at !== -1; at = text.indexOf('\n---', at + 1)) {
    if (!isMarker(text, at + 1)) continue;
    yield { start, body, end: at + 1 };
    start = at + 1;
    body = at + 4;
  }
  yield { start, body, end: text.length };
}

function isMarker(text: string, at: number): boolean {
  return text.startsWith('---', at) && (at + 3 === text.length || ' \t\n'.includes(text.charAt(at + 3)));
}

function readPart(build: TreeBuilder, { start, body, end }: Part, budget: GeneralBudget): readonly Node[] {
  const [nodes, faults] = [build.nodes, build.faults.length];
  try {
    const node = readQuick(build, skipMarkerLine(build, body, end), end);
    return node === undefined ? [] : [node];
  } catch (error) {
    if (!(error instanceof Unsure)) throw error;
    build.forget(nodes, faults);
    budget.spend(end - start, error.offset);
    return readGeneral(build, build.source.text.slice(start, end), start);
  }
}

/** Past the rest of the line of `---`, on which a document may begin: then it is not for the quick reader. */
function skipMarkerLine(build: TreeBuilder, body: number, end: number): number {
  const { text } = build.source;
  if (body === 0 || text.charAt(body - 1) !== '-') return body;
  const found = text.indexOf('\n', body);
  const lineEnd = found === -1 || found > end ? end : found;
  if (!/^[ ]*(?: #.*)?$/.test(text.slice(body, lineEnd))) throw new Unsure(body);
  return Math.min(lineEnd + 1, end);
}

class GeneralBudget {
  readonly #build: TreeBuilder;
  #spent = 0;

  constructor(build: TreeBuilder) {
    this.#build = build;
  }

  /** `offset`: what the quick reader would not read. */
  spend(bytes: number, offset: number): void {
    this.#spent += bytes;
    const most = this.#build.limits.generalBytes;
    if (this.#spent <= most) return;
    const reason = `is neither a simple map, list or one-line value nor in a document small enough for all of YAML (${most} bytes)`;
    this.#build.refuse(offset, reason, 'mend it, write it more simply, or split the file');
  }
}
