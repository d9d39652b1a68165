import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import type { Identity, IdentitySource } from '#runtime/identity-source.ts';
import { webcrypto } from 'node:crypto';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const hour = 3_600_000;

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  return keys;
}

export interface LeafOptions {
  /** Names other than the one URI of an SVID, or instead of it. */
  readonly names?: x509.JsonGeneralNames;
  readonly ca?: boolean;
  readonly usages?: readonly string[];
  readonly notAfter?: Date;
  /** Signed by an authority below the root, which is shown with it. */
  readonly below?: boolean;
  /** Says nothing of the key that signed it. */
  readonly anonymous?: boolean;
}

/** A certificate authority for tests, made by a library that is not ours so that it shares none of our mistakes. */
export class TestPki {
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #root: x509.X509Certificate;
  /** The one that signed for this one, where this is no root. */
  readonly #above: TestPki | undefined;

  private constructor(keys: webcrypto.CryptoKeyPair, root: x509.X509Certificate, above?: TestPki) {
    this.#keys = keys;
    this.#root = root;
    this.#above = above;
  }

  static async create(name = 'test root'): Promise<TestPki> {
    const keys = await generateKeys();
    const root = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: `CN=${name}`,
      notBefore: new Date(Date.now() - hour),
      notAfter: new Date(Date.now() + 24 * hour),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new TestPki(keys, root);
  }

  get bundle(): string[] {
    return this.#above?.bundle ?? [this.pem];
  }

  /** Its own certificate. */
  get pem(): string {
    return this.#root.toString('pem');
  }

  /** An authority below this one, under the same root. */
  async under(name: string, pathLength = 0): Promise<TestPki> {
    const { keys, shown } = await this.#intermediate(`CN=${name}`, pathLength);
    return new TestPki(keys, shown, this);
  }

  /** What is shown with a leaf: this one and those above it, without the root. */
  #chain(): x509.X509Certificate[] {
    return this.#above === undefined ? [] : [this.#root, ...this.#above.#chain()];
  }

  async #intermediate(
    subject = 'CN=issuing',
    pathLength = 0,
  ): Promise<{ keys: webcrypto.CryptoKeyPair; shown: x509.X509Certificate }> {
    const keys = await generateKeys();
    const shown = await x509.X509CertificateGenerator.create({
      serialNumber: '02',
      subject,
      issuer: this.#root.subject,
      notBefore: new Date(Date.now() - hour),
      notAfter: new Date(Date.now() + 24 * hour),
      signingKey: this.#keys.privateKey,
      publicKey: keys.publicKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, pathLength, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(this.#root.publicKey),
      ],
    });
    return { keys, shown };
  }

  async identity(spiffeId: string, options: LeafOptions = {}): Promise<Identity> {
    const { ca = false, usages = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'] } = options;
    const notAfter = options.notAfter ?? new Date(Date.now() + hour);
    const keys = await generateKeys();
    const issuer = options.below === true ? await this.#intermediate() : { keys: this.#keys, shown: this.#root };
    const leaf = await x509.X509CertificateGenerator.create({
      serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString('hex'),
      subject: 'O=Garrison',
      issuer: issuer.shown.subject,
      notBefore: new Date(Date.now() - hour),
      notAfter,
      signingKey: issuer.keys.privateKey,
      publicKey: keys.publicKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(ca, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        ...(usages.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...usages])]),
        new x509.SubjectAlternativeNameExtension(
          options.names ?? [
            { type: 'url', value: spiffeId },
            { type: 'dns', value: 'localhost' },
          ],
        ),
        ...(options.anonymous === true
          ? []
          : [await x509.AuthorityKeyIdentifierExtension.create(issuer.shown.publicKey)]),
      ],
    });
    const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    return {
      spiffeId: parseSpiffeId(spiffeId),
      certificates: [leaf, ...(options.below === true ? [issuer.shown] : []), ...this.#chain()].map((one) =>
        one.toString('pem'),
      ),
      privateKey: `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`,
      bundle: this.bundle,
      expiresAt: notAfter,
    };
  }
}

/** An identity source a test can turn. */
export class RotatableIdentity implements IdentitySource {
  #current: Identity;
  readonly #listeners = new Set<(identity: Identity) => void>();

  constructor(first: Identity) {
    this.#current = first;
  }

  current(): Identity {
    return this.#current;
  }

  onChange(listener: (identity: Identity) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  rotate(next: Identity): void {
    this.#current = next;
    for (const listener of this.#listeners) listener(next);
  }
}
