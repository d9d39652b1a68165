import { printable } from './printable.ts';

type Fields = Record<string, unknown>;

/** The pages of one process as people read them: a line for each thing, and one for each of several. */
export function statusText(status: unknown): string[] {
  if (!isFields(status)) return [];
  const shown = Object.entries(status).filter(([name]) => !['service', 'revision', 'refused'].includes(name));
  return shown.flatMap(([name, value]) => thing(name, value));
}

/** What is in force, since when where the process tells it, and why the newest is not. */
export function revisionText(revision: unknown): string[] {
  if (!isFields(revision)) return [];
  const { activated, refusal, roots } = revision;
  const since = activated === undefined ? '' : `, since ${words(activated ?? 'never')}`;
  const lines = [`  revision: ${words(revision['revision'])}${since}`];
  // An agent's revision is one of trust.
  if (roots !== undefined) lines.push(...thing('roots', roots));
  if (isFields(refusal)) {
    const faults = Array.isArray(refusal['faults']) ? (refusal['faults'] as unknown[]) : [];
    lines.push(`  refused at ${words(refusal['at'])}:`);
    lines.push(...faults.map((fault) => `    ${words(isFields(fault) ? fault['text'] : fault)}`));
  }
  return lines;
}

function thing(name: string, value: unknown): string[] {
  const title = `  ${spaced(name)}:`;
  if (!Array.isArray(value) || !value.some(isFields)) return [`${title} ${words(value)}`];
  return [title, ...(value as unknown[]).map((item) => `    ${isFields(item) ? named(item) : words(item)}`)];
}

/** One of several: by what it is called, which comes first. */
function named(item: Fields): string {
  const [[, first] = ['', undefined], ...rest] = Object.entries(item);
  return typeof first !== 'string' ? fields(item) : `${words(first)}: ${fields(Object.fromEntries(rest))}`;
}

function fields(value: Fields): string {
  return Object.entries(value)
    .map(([name, item]) => `${spaced(name)} ${isFields(item) ? `(${fields(item)})` : words(item)}`)
    .join(', ');
}

function words(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : (value as unknown[]).map(words).join(', ');
  if (isFields(value)) return fields(value);
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}

/** `rootExpires` as `root expires`. */
function spaced(name: string): string {
  return printable(name).replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
