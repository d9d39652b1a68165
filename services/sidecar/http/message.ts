/** Header lines as they stood on the wire: name, value, name, value, … with repeats and in order. */
export type Fields = readonly string[];

export interface RequestHead {
  readonly method: string;
  /** The request target as sent: `/path?query`, `*`, or a whole URI. */
  readonly target: string;
  /** `1.0`, `1.1` or `2`; a parser may have let another one through. */
  readonly version: string;
  /** HTTP/2's `:authority` stands here as `host`. */
  readonly fields: Fields;
}

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly fields: Fields;
}

/** Every value of one header, in order. The name is given in lower case. */
export function valuesOf(fields: Fields, lowerName: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) values.push(fields[i + 1] ?? '');
  }
  return values;
}

export function firstOf(fields: Fields, lowerName: string): string | undefined {
  return valuesOf(fields, lowerName)[0];
}

/** The members of a comma-separated header, in lower case (RFC 9110 §5.6.1). */
export function listOf(fields: Fields, lowerName: string): string[] {
  return valuesOf(fields, lowerName)
    .flatMap((value) => value.split(','))
    .map((member) => member.trim().toLowerCase())
    .filter((member) => member !== '');
}

/** The header lines whose lower-case name passes. */
export function keepFields(fields: Fields, keep: (lowerName: string, value: string) => boolean): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    if (keep(name.toLowerCase(), value)) kept.push(name, value);
  }
  return kept;
}

/** Bytes of the header section in HTTP/1.1's form. */
export function fieldBytes(fields: Fields): number {
  let bytes = 2;
  for (let i = 0; i + 1 < fields.length; i += 2) bytes += (fields[i] ?? '').length + (fields[i + 1] ?? '').length + 4;
  return bytes;
}

export function requestBytes(head: RequestHead): number {
  return head.method.length + head.target.length + 12 + fieldBytes(head.fields);
}

export function responseBytes(head: ResponseHead): number {
  return head.reason.length + 15 + fieldBytes(head.fields);
}

/** HTTP header values are bytes that node hands over as latin1. Where they are UTF-8 that is what rules and people mean. */
export function textOf(value: string): string {
  // eslint-disable-next-line no-control-regex -- ASCII as a whole, control characters included, needs no decoding
  return /^[\x00-\x7f]*$/.test(value) ? value : Buffer.from(value, 'latin1').toString('utf8');
}

export function isGrpc(head: RequestHead): boolean {
  return head.version === '2' && /^application\/grpc(\+|;|$)/i.test(firstOf(head.fields, 'content-type') ?? '');
}

/** RFC 9112 §6.3: these answers end with their head, whatever it says. */
export function isBodyless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304;
}
