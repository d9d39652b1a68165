import { GarrisonError } from '#proto/errors/index.ts';

const block = /^\s*-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----\s*$/;

/** The bytes of the one block of PEM in a text: no second block, no headers, nothing before or after (RFC 7468, strict). */
export function decodePem(text: string, labels: readonly string[], what: string): Uint8Array {
  const found = block.exec(text);
  const [, label, body] = found ?? [];
  if (label === undefined || body === undefined || !labels.includes(label)) {
    const remedy = `send one \`-----BEGIN ${labels[0] ?? ''}-----\` block and nothing else`;
    throw new GarrisonError('INVALID_ARGUMENT', `${what} is not PEM`, { remedy });
  }
  const base64 = body.replace(/[\r\n]/g, '');
  const bytes = Buffer.from(base64, 'base64');
  // Buffer skips over what is not base64; encoding again shows whether it had to.
  if (bytes.toString('base64') !== base64) {
    throw new GarrisonError('INVALID_ARGUMENT', `${what} holds broken base64`, { remedy: 'send it as it was made' });
  }
  return bytes;
}

/** The bytes of every block in a text; what stands between blocks, as openssl writes it, is a remark. At least one. */
export function decodePems(text: string, label: string, what: string): Uint8Array[] {
  const blocks = text.match(/-----BEGIN [A-Z0-9 ]+-----[^-]*-----END [A-Z0-9 ]+-----/g) ?? [];
  if (blocks.length > 0) return blocks.map((each) => decodePem(each, [label], what));
  throw new GarrisonError('INVALID_ARGUMENT', `${what} is not PEM`, {
    remedy: `give \`-----BEGIN ${label}-----\` blocks`,
  });
}

export function encodePem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.length).toString('base64');
  let lines = '';
  for (let at = 0; at < base64.length; at += 64) lines += `${base64.slice(at, at + 64)}\n`;
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`;
}
