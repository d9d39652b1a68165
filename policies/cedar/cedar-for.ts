import type { CedarEngine } from './engine.ts';

/** Cedar, for texts that mention it: nobody else pays for the WebAssembly. */
export async function cedarFor(
  files: Iterable<{ readonly text: string | Uint8Array }>,
): Promise<CedarEngine | undefined> {
  for (const { text } of files) if (mentions(text)) return (await import('./wasm-engine.ts')).wasmCedar();
  return undefined;
}

const kind = 'CedarPolicy';
const kindBytes = new TextEncoder().encode(kind);

function mentions(text: string | Uint8Array): boolean {
  if (typeof text === 'string') return text.includes(kind);
  for (let at = text.indexOf(kindBytes[0] ?? 0); at >= 0; at = text.indexOf(kindBytes[0] ?? 0, at + 1)) {
    if (kindBytes.every((byte, index) => text[at + index] === byte)) return true;
  }
  return false;
}
