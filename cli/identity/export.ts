import { createPrivateKey, randomBytes, X509Certificate, type KeyObject } from 'node:crypto';
import path from 'node:path';
import { writeKeyStore, writeTrustStore } from '#ca/formats/write-pkcs12.ts';
import { writePkcs7 } from '#ca/formats/write-pkcs7.ts';
import { encodePem } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import type { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { declareVerb, type Flags, type Invocation } from '../verb.ts';
import { adminFlags, withAdmin } from './admin.ts';
import { certificateToExport } from './certificate-to-export.ts';
import { readInput } from './read-input.ts';
import { readStorePassword } from './store-password.ts';
import { writeSecret } from './write-secret.ts';

const formats = ['pem', 'p12', 'p7b'] as const;
type Format = (typeof formats)[number];

const exportFlags = {
  format: { kind: 'string', value: 'FORMAT', required: true, describe: 'pem, p12 (PKCS#12) or p7b (PKCS#7)' },
  key: { kind: 'string', value: 'FILE', describe: 'the private key (PEM), for a p12 key store or a whole PEM' },
  'trust-store': { kind: 'boolean', describe: 'export the roots of the trust domain instead of a certificate' },
  alias: { kind: 'string', value: 'NAME', describe: 'what the entry of a p12 is called; `garrison`' },
  'password-file': {
    kind: 'string',
    value: 'FILE',
    describe: 'the password of a p12; `-` reads it from standard input; else `GARRISON_EXPORT_PASSWORD` has it',
  },
  out: { kind: 'string', value: 'FILE', describe: 'write it there (0600 with a key in it)' },
  ...adminFlags,
} as const satisfies Flags;

export const verb = declareVerb({
  name: 'identity export',
  summary: 'a certificate and those above it, or the roots, in a format that other tools read',
  positionals: '[SERIAL|SPIFFE_ID]',
  flags: exportFlags,
  example: 'garrison identity export spiffe://cluster.local/ns/default/sa/me --format pem',
  async run(invocation) {
    const { flags, positionals, output, cwd } = invocation;
    const format = formatOf(flags.format);
    const [named, ...more] = positionals;
    if ((named === undefined) !== flags['trust-store'] || more.length > 0) {
      throw new GarrisonError('INVALID_ARGUMENT', 'one thing is exported at a time', {
        remedy: 'name a serial, a SPIFFE ID, or `--trust-store`',
      });
    }
    return withAdmin(invocation, async ({ client }) => {
      const { content, certificates, secret } =
        named === undefined
          ? await exportRoots(client, format, invocation)
          : await exportCertificate(client, named, format, invocation);
      const described = { format, certificates, key: secret };
      if (flags.out !== undefined) {
        const file = path.resolve(cwd, flags.out);
        writeSecret(file, content, secret ? 0o600 : 0o644);
        output.result({ ...described, file }, file);
        return 0;
      }
      if (typeof content !== 'string') {
        throw new GarrisonError('INVALID_ARGUMENT', 'a p12 is no text', { place: '--out', remedy: 'give a file' });
      }
      output.result({ ...described, text: content }, content);
      return 0;
    });
  },
});

interface Exported {
  readonly content: Uint8Array | string;
  readonly certificates: number;
  /** Whether a private key is in it. */
  readonly secret: boolean;
}

type Asked = Pick<Invocation<typeof exportFlags>, 'flags' | 'env' | 'cwd' | 'stdin' | 'clock'>;

async function exportRoots(client: IdentityAdminClient, format: Format, asked: Asked): Promise<Exported> {
  const { alias = 'garrison', key } = asked.flags;
  if (key !== undefined) {
    throw new GarrisonError('INVALID_ARGUMENT', 'a trust store holds no key', {
      place: '--key',
      remedy: 'leave it out',
    });
  }
  const { roots } = await callUnary(client.getBundle.bind(client), {});
  const entries = roots.map((certificate, index) => ({
    certificate,
    alias: roots.length === 1 ? alias : `${alias}-${index + 1}`,
  }));
  const content = await written(format, roots, async () =>
    writeTrustStore(entries, { password: await readStorePassword(asked), random: randomBytes }),
  );
  return { content, certificates: roots.length, secret: false };
}

async function exportCertificate(
  client: IdentityAdminClient,
  named: string,
  format: Format,
  asked: Asked,
): Promise<Exported> {
  const { flags, cwd, clock } = asked;
  const chain = await certificateToExport(client, named, clock.now());
  const key = flags.key === undefined ? undefined : readKey(path.resolve(cwd, flags.key), chain[0]);
  if (key !== undefined && format === 'p7b') {
    throw new GarrisonError('INVALID_ARGUMENT', 'PKCS#7 carries no key', { place: '--key', remedy: 'leave it out' });
  }
  const content = await written(format, chain, async () => {
    if (key === undefined) throw keyNeeded();
    const password = await readStorePassword(asked);
    const entry = { privateKey: pkcs8(key), chain, alias: flags.alias ?? 'garrison' };
    return writeKeyStore(entry, { password, random: randomBytes });
  });
  const whole =
    typeof content === 'string' && key !== undefined ? content + encodePem('PRIVATE KEY', pkcs8(key)) : content;
  return { content: whole, certificates: chain.length, secret: key !== undefined };
}

function pkcs8(key: KeyObject): Uint8Array {
  return key.export({ format: 'der', type: 'pkcs8' });
}

async function written(
  format: Format,
  certificates: readonly Uint8Array[],
  store: () => Promise<Uint8Array>,
): Promise<Uint8Array | string> {
  switch (format) {
    case 'pem':
      return certificates.map((der) => encodePem('CERTIFICATE', der)).join('');
    case 'p7b':
      return encodePem('PKCS7', writePkcs7(certificates));
    case 'p12':
      return store();
    default:
      return format satisfies never;
  }
}

function formatOf(text: string): Format {
  const known = formats.find((format) => format === text);
  if (known !== undefined) return known;
  throw new GarrisonError('INVALID_ARGUMENT', `\`${text}\` is no format`, {
    place: '--format',
    remedy: 'choose `pem`, `p12` or `p7b`',
  });
}

function readKey(file: string, certificate: Uint8Array | undefined): KeyObject {
  const pem = readInput(file, '--key');
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    const remedy = pem.includes('ENCRYPTED')
      ? 'decrypt it first: `openssl pkey -in FILE -out PLAIN`'
      : 'give the PEM file of the key';
    throw new GarrisonError('INVALID_ARGUMENT', `\`${file}\` is no private key that can be read`, {
      place: '--key',
      remedy,
      cause,
    });
  }
  if (new X509Certificate(certificate ?? Buffer.alloc(0)).checkPrivateKey(key)) return key;
  throw new GarrisonError('INVALID_ARGUMENT', `\`${file}\` is not the key of this certificate`, {
    place: '--key',
    remedy: 'give the key that the certificate was requested with',
  });
}

function keyNeeded(): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', 'a p12 key store needs the private key, which the authority never had', {
    place: '--key',
    remedy: 'give its file with `--key`, or ask for `--format p7b`',
  });
}
