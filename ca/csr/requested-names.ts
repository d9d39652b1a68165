import { GarrisonError } from '#proto/errors/index.ts';
import { oids } from '../der/oids.ts';
import { DerReader } from '../der/read.ts';
import { primitiveContextTag, tags } from '../der/tags.ts';

export interface RequestedNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}

const uriTag = primitiveContextTag(6);
const dnsTag = primitiveContextTag(2);

/** Reads a request's attributes. Refuses what no workload may ask for; the rest is recorded, not granted. */
export function readRequestedNames(attributes: DerReader): RequestedNames {
  const uris: string[] = [];
  const dnsNames: string[] = [];
  let extensionRequests = 0;
  while (!attributes.done) {
    const attribute = attributes.enter(tags.sequence, 'attribute');
    const type = attribute.oid('type');
    const values = attribute.enter(tags.set, 'values');
    attribute.end();
    if (type !== oids.extensionRequest) continue;
    extensionRequests += 1;
    if (extensionRequests > 1) throw values.fault('is a second request for extensions');
    const extensions = values.enter(tags.sequence, 'extensions');
    values.end();
    readExtensions(extensions, uris, dnsNames);
  }
  if (uris.length > 1) throw refusal('asks for more than one URI name', 'an X509-SVID carries exactly one');
  return { uris, dnsNames };
}

function readExtensions(extensions: DerReader, uris: string[], dnsNames: string[]): void {
  const seen = new Set<string>();
  while (!extensions.done) {
    const extension = extensions.enter(tags.sequence, 'extension');
    const name = extension.oid('extnID');
    extension.defaultFalse('critical');
    const value = new DerReader(extension.expect(tags.octetString, 'extnValue').content, `requested extension ${name}`);
    extension.end();
    // RFC 5280 §4.2: at most one of a kind; with two, readers would differ on which counts.
    if (seen.has(name)) throw refusal(`asks twice for the extension \`${name}\``);
    seen.add(name);
    if (name === oids.basicConstraints) refuseAuthority(value);
    if (name === oids.subjectAltName) readNames(value, uris, dnsNames);
  }
}

function refuseAuthority(value: DerReader): void {
  const constraints = value.enter(tags.sequence, 'basicConstraints');
  value.end();
  if (constraints.defaultFalse('cA')) {
    throw refusal('asks for a certificate of an authority', 'leave basic constraints out of the request');
  }
}

function readNames(value: DerReader, uris: string[], dnsNames: string[]): void {
  const names = value.enter(tags.sequence, 'generalNames');
  value.end();
  while (!names.done) {
    const { tag, content } = names.next();
    if (tag === uriTag) uris.push(ascii(content));
    else if (tag === dnsTag) dnsNames.push(ascii(content));
  }
}

function ascii(content: Uint8Array): string {
  if (content.some((byte) => byte < 0x20 || byte >= 0x7f)) {
    throw refusal('asks for a name with control or foreign characters');
  }
  return Buffer.from(content).toString('latin1');
}

function refusal(why: string, remedy?: string): GarrisonError {
  const message = `certificate request ${why}`;
  return new GarrisonError('INVALID_ARGUMENT', message, remedy === undefined ? {} : { remedy });
}
