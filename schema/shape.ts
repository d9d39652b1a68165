import type { Node } from './node.ts';
import { quoteable } from './quoteable.ts';
import type { Fault, Place, Severity } from './place.ts';

/** JSON Schema, draft 2020-12, as data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Input may be quoted in a reason; it must neither break the line nor fill the screen. */
const longestReason = 400;

/** One declaration of what may stand at a place: it reads a node into a typed value, and prints as JSON Schema. */
export interface Shape<T> {
  /** The value, as far as it could be read; every fault is told to `reading`. Undefined where nothing of it could be. */
  read(node: Node, reading: Reading): T | undefined;
  readonly schema: JsonSchema;
}

/** The type a shape reads. */
export type Parsed<S> = S extends Shape<infer T> ? T : never;

/** One pass over a tree: where we are, and who hears of faults. */
export class Reading {
  readonly #report: (fault: Fault) => void;
  // Pushed and popped rather than joined at every step: the path is a string only where there is a fault.
  readonly #path: (string | number)[];
  #errors = 0;

  constructor(report: (fault: Fault) => void, path: readonly (string | number)[] = []) {
    this.#report = report;
    this.#path = [...path];
  }

  get errors(): number {
    return this.#errors;
  }

  enter(step: string | number): void {
    this.#path.push(step);
  }

  leave(): void {
    this.#path.pop();
  }

  fault(place: Place, reason: string, fix?: string, below: readonly (string | number)[] = []): void {
    this.#tell('error', place, reason, fix, below);
  }

  warn(place: Place, reason: string, fix?: string, below: readonly (string | number)[] = []): void {
    this.#tell('warning', place, reason, fix, below);
  }

  #tell(
    severity: Severity,
    place: Place,
    reason: string,
    fix: string | undefined,
    below: readonly (string | number)[],
  ): void {
    if (severity === 'error') this.#errors += 1;
    const field = formatPath([...this.#path, ...below]);
    this.#report({ severity, place, field, reason: quoteable(reason, longestReason), fix });
  }
}

/** `spec.rules[0].when[1]["a key"]` */
export function formatPath(path: readonly (string | number)[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w$-]{1,64}$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(quoteable(step))}]`;
  }
  return text;
}

/** The value, only if there is no fault in it; `field` is the path of the node itself, for messages. */
export function parse<T>(
  shape: Shape<T>,
  node: Node,
  report: (fault: Fault) => void,
  field: string | readonly (string | number)[] = [],
): T | undefined {
  const reading = new Reading(report, typeof field === 'string' ? (field === '' ? [] : [field]) : field);
  const value = shape.read(node, reading);
  return reading.errors === 0 ? value : undefined;
}

export function toJsonSchema(shape: Shape<unknown>, heading: { id?: string; title?: string } = {}): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...(heading.id === undefined ? {} : { $id: heading.id }),
    ...(heading.title === undefined ? {} : { title: heading.title }),
    ...shape.schema,
  };
}
