import { checkInteger, DerReader, readOid, type DerElement } from './read.ts';
import { tags } from './tags.ts';

const maxDepth = 16;

/**
 * Refuses whatever is not DER anywhere inside, including the parts whose meaning we ignore:
 * what we do not read, a tool that reads our records might.
 */
export function checkCanonical(bytes: Uint8Array, place: string): void {
  const reader = new DerReader(bytes, place);
  check(reader, 0);
}

function check(reader: DerReader, depth: number): void {
  if (depth > maxDepth) throw reader.fault('is nested too deeply');
  while (!reader.done) checkElement(reader, reader.next(), depth);
}

function checkElement(reader: DerReader, found: DerElement, depth: number): void {
  const { tag } = found;
  if (tag === tags.sequence || tag === tags.set || tag >= 0xa0) {
    if (tag >= 0xe0 || (tag >= 0x40 && tag < 0xa0)) throw reader.fault('has a tag of an unknown class');
    check(reader.inside(found, 'content'), depth + 1);
    if (tag === tags.set) checkOrder(found.content, reader);
    return;
  }
  // Its content is any octets.
  if (tag === tags.octetString) return;
  // Context-specific primitive: a string or key identifier whose type its reader knows.
  if (tag >= 0x80 && tag < 0xa0) return;
  checkPrimitive(tag, found, reader);
}

function checkOrder(content: Uint8Array, reader: DerReader): void {
  const members = new DerReader(content, 'set');
  let previous: Uint8Array | undefined;
  while (!members.done) {
    const { raw } = members.next();
    if (previous !== undefined && Buffer.compare(previous, raw) > 0)
      throw reader.fault('has a set that is not in order');
    previous = raw;
  }
}

function checkPrimitive(tag: number, found: DerElement, reader: DerReader): void {
  if (tag === tags.oid) {
    readOid(found, reader);
    return;
  }
  const { content } = found;
  switch (tag) {
    case tags.boolean:
      if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
        throw reader.fault('has a non-canonical boolean');
      return;
    case tags.integer:
      checkInteger(content, reader);
      return;
    case tags.bitString:
      checkBits(content, reader);
      return;
    case tags.null:
      if (content.length !== 0) throw reader.fault('has a null with content');
      return;
    default:
      checkText(tag, content, reader);
  }
}

function checkBits(content: Uint8Array, reader: DerReader): void {
  const unused = content[0];
  if (unused === undefined || unused > 7 || (unused > 0 && content.length < 2))
    throw reader.fault('has a broken bit string');
  const last = content[content.length - 1] ?? 0;
  if (content.length > 1 && (last & ((1 << unused) - 1)) !== 0) throw reader.fault('has a bit string with stray bits');
}

/** No NUL in any text: readers in C would see a shorter name than others (Envoy CVE-2026-47778). */
function checkText(tag: number, content: Uint8Array, reader: DerReader): void {
  switch (tag) {
    case tags.utf8String:
      if (content.includes(0)) throw reader.fault('has a text with a NUL byte');
      if (!isUtf8(content)) throw reader.fault('has a text that is not UTF-8');
      return;
    case tags.printableString:
      if (!/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(latin1(content)))
        throw reader.fault('has a text with foreign characters');
      return;
    case tags.ia5String:
      if (content.some((byte) => byte === 0 || byte >= 0x80)) throw reader.fault('has a text with foreign characters');
      return;
    case tags.utcTime:
    case tags.generalizedTime:
      if (!/^\d{12}(\d\d)?Z$/.test(latin1(content))) throw reader.fault('has a time in a foreign form');
      return;
    default:
      throw reader.fault(`has an element with tag 0x${tag.toString(16)}, which has no place here`);
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
