import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { decodePems } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { fileKey } from '#runtime/peer-credentials.ts';

/** The certificates in a file, read anew when the file is another one. */
export class PemFile {
  readonly #file: string;
  readonly #place: string;
  #held: { readonly key: string; readonly certificates: readonly X509Certificate[] } | undefined;

  constructor(file: string, place: string) {
    this.#file = file;
    this.#place = place;
  }

  read(): readonly X509Certificate[] {
    try {
      const key = fileKey(statSync(this.#file, { bigint: true }));
      if (this.#held?.key === key) return this.#held.certificates;
      const ders = decodePems(readFileSync(this.#file, 'utf8'), 'CERTIFICATE', `\`${this.#file}\``);
      const certificates = ders.map((der) => new X509Certificate(der));
      this.#held = { key, certificates };
      return certificates;
    } catch (cause) {
      throw new GarrisonError('FAILED_PRECONDITION', `the certificates in \`${this.#file}\` cannot be read`, {
        place: this.#place,
        remedy: 'write certificates in PEM there',
        cause,
      });
    }
  }
}
