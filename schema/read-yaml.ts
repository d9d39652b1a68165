import { defaultLimits } from './limits.ts';
import type { Limits } from './limits.ts';
import type { Node } from './node.ts';
import type { Fault } from './place.ts';
import { readGeneral } from './read-general.ts';
import { Source } from './source.ts';
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
  const bounds = { ...defaultLimits, ...limits };
  const decoded = decode(input, bounds);
  const build = new TreeBuilder(new Source(file, decoded.text), bounds);
  const documents: Node[] = [];
  try {
    if (decoded.refusal !== undefined) build.refuse(0, decoded.refusal.reason, decoded.refusal.fix);
    refuseControlCharacters(build);
    for (const document of readDocuments(build)) documents.push(document);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
  }
  return { documents, faults: build.faults };
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

function refuseControlCharacters(build: TreeBuilder): void {
  const text = build.source.text;
  const at = text.search(control);
  if (at === -1) return;
  const code = text.charCodeAt(at).toString(16).toUpperCase().padStart(4, '0');
  build.refuse(at, `control character U+${code}`, 'remove it, or write it as an escape in a double-quoted string');
}

function readDocuments(build: TreeBuilder): Node[] {
  return readGeneral(build, build.source.text, 0);
}
