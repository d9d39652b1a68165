import { readFileSync } from 'node:fs';
import { foreignRootName } from '#ca/bundle/foreign-root.ts';
import { readBundle, type BundleDocument } from '#ca/bundle/read-bundle.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { StateFolder } from '#runtime/state-folder.ts';

/** A bundle of another trust domain, as its document says it, and how it got here. */
export interface FederatedBundle {
  readonly document: BundleDocument;
  readonly text: string;
  readonly from: 'endpoint' | 'operator' | 'file';
  readonly at: Date;
}

/** Federation bundles that hold more are nobody's idea of a bundle. */
const maxBytes = 1024 * 1024;

function parseBundle(bytes: Uint8Array, from: FederatedBundle['from'], at: Date): FederatedBundle {
  if (bytes.length > maxBytes) throw new GarrisonError('INVALID_ARGUMENT', 'the trust bundle is larger than 1 MiB');
  const text = utf8(bytes);
  if (/^\s*-----BEGIN /.test(text)) {
    throw new GarrisonError('INVALID_ARGUMENT', 'the trust bundle is PEM, and not a SPIFFE bundle document', {
      remedy: 'get one over there: `garrison identity bundle show --format spiffe`',
    });
  }
  return { document: readBundle(text), text, from, at };
}

/** What came in for a trust domain, whichever way. One root of another makes all of it worth nothing: it was mixed up. */
export function takeBundle(
  trustDomain: TrustDomain,
  ...[bytes, from, at]: Parameters<typeof parseBundle>
): FederatedBundle {
  const taken = parseBundle(bytes, from, at);
  const other = foreignRootName(taken.document.roots, trustDomain);
  if (other === undefined) return taken;
  throw new GarrisonError('INVALID_ARGUMENT', `the bundle has a root of \`${other.slice(0, 300)}\``, {
    remedy:
      from === 'endpoint'
        ? `\`url\` has to be the bundle endpoint of \`${trustDomain}\``
        : `give the bundle of \`${trustDomain}\`, which an authority of it shows`,
  });
}

/** Its faults are told with what it is that is at fault. */
export function placed<T>(place: string, take: () => T): T {
  try {
    return take();
  } catch (cause) {
    if (!(cause instanceof GarrisonError)) throw cause;
    const { code, message, remedy } = cause;
    throw new GarrisonError(code, message, { place, ...(remedy === undefined ? {} : { remedy }), cause: cause.cause });
  }
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new GarrisonError('INVALID_ARGUMENT', 'the trust bundle is not UTF-8', { cause });
  }
}

/** The last good bundle of each trust domain, kept over restarts: an endpoint that is away then takes nothing away. */
export class KeptBundles {
  readonly #state: StateFolder;

  constructor(state: StateFolder) {
    this.#state = state;
  }

  write(trustDomain: TrustDomain, { text, from, at }: FederatedBundle): void {
    this.#state.write(nameOf(trustDomain), `${JSON.stringify({ from, at: at.toISOString(), text })}\n`, 0o644);
  }

  /** What was kept, or what the file says that an operator gave to begin with: the one whose sequence is higher. */
  read(trustDomain: TrustDomain, file: string | undefined): FederatedBundle | undefined {
    const kept = this.#kept(trustDomain);
    if (file === undefined) return kept;
    const bytes = readGiven(file);
    const given = placed(file, () => takeBundle(trustDomain, bytes, 'file', new Date(0)));
    return kept === undefined || newer(given, kept) ? given : kept;
  }

  #kept(trustDomain: TrustDomain): FederatedBundle | undefined {
    const name = nameOf(trustDomain);
    const written = this.#state.read(name);
    if (written === undefined) return undefined;
    try {
      const { from, at, text } = JSON.parse(written) as { from: FederatedBundle['from']; at: string; text: string };
      const kept = parseBundle(Buffer.from(text), from, new Date(at));
      // Kept before names were looked at: the endpoint gives it once more, and is told why it is not taken.
      return foreignRootName(kept.document.roots, trustDomain) === undefined ? kept : undefined;
    } catch (cause) {
      throw new GarrisonError('DATA_LOSS', `\`${this.#state.join(name)}\` is not what was written there`, {
        remedy: 'remove it, and give the bundle again with `garrison identity bundle set`',
        cause,
      });
    }
  }
}

/** Whether a document is a later word of the same authority than another. Without a sequence nobody can tell. */
export function newer({ document: a }: FederatedBundle, { document: b }: FederatedBundle): boolean {
  return a.sequence !== undefined && b.sequence !== undefined && a.sequence > b.sequence;
}

/** A trust domain has no character that means something in a path, and never is `.` or `..` with this ending. */
function nameOf(trustDomain: TrustDomain): string {
  return `ca/federation/${trustDomain}.json`;
}

function readGiven(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `the trust bundle \`${file}\` cannot be read`, {
      place: 'ca.federation',
      remedy: 'put a SPIFFE bundle document there, or take the key `bundle` out',
      cause,
    });
  }
}
