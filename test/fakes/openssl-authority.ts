import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Kept {
  readonly certificate: string;
  readonly key: string;
}

/** Authorities as people make them with OpenSSL: their roots know nothing of SPIFFE. */
export class OpensslAuthority implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'gos-'));
  #serial = 0;

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }

  root(name: string, key: 'rsa:2048' | 'ec' | 'ed25519' = 'rsa:2048'): Kept {
    const [keyFile, file] = [this.#file('key'), this.#file('crt')];
    const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
    const how = key === 'ec' ? ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : [key];
    this.#run([
      'req',
      '-x509',
      '-nodes',
      '-newkey',
      ...how,
      '-keyout',
      keyFile,
      '-out',
      file,
      '-days',
      '365',
      '-subj',
      `/O=Corp/CN=${name}`,
      ...extensions.flatMap((one) => ['-addext', one]),
    ]);
    return this.#kept(file, keyFile);
  }

  under(
    parent: Kept,
    name: string,
    options: {
      pathLength?: number;
      uri?: string;
      dns?: string;
      ca?: boolean;
      days?: number;
      constraints?: string;
      digest?: string;
    } = {},
  ): Kept {
    const [keyFile, request, file, extensions] = ['key', 'csr', 'crt', 'ext'].map((each) => this.#file(each)) as [
      string,
      string,
      string,
      string,
    ];
    const { pathLength, uri, dns, ca = true, days = 100, constraints, digest = 'sha256' } = options;
    const limit = pathLength === undefined ? '' : `,pathlen:${pathLength}`;
    const lines = [
      `basicConstraints=critical,CA:${ca ? `TRUE${limit}` : 'FALSE'}`,
      'keyUsage=critical,keyCertSign,cRLSign',
      'subjectKeyIdentifier=hash',
      'authorityKeyIdentifier=keyid',
    ];
    const names = [uri && `URI:${uri}`, dns && `DNS:${dns}`].filter((name) => name !== undefined);
    if (names.length > 0) lines.push(`subjectAltName=${names.join(',')}`);
    if (constraints !== undefined) lines.push(`nameConstraints=critical,${constraints}`);
    writeFileSync(extensions, lines.join('\n'));
    this.#run([
      'req',
      '-new',
      '-nodes',
      '-newkey',
      'rsa:2048',
      '-keyout',
      keyFile,
      '-out',
      request,
      '-subj',
      `/O=Corp/CN=${name}`,
    ]);
    const [signer, signerKey] = [this.#file('crt'), this.#file('key')];
    writeFileSync(signer, parent.certificate);
    writeFileSync(signerKey, parent.key);
    this.#run([
      'x509',
      '-req',
      `-${digest}`,
      '-in',
      request,
      '-CA',
      signer,
      '-CAkey',
      signerKey,
      '-set_serial',
      `0x${this.#next().toString(16).padStart(18, '4a')}`,
      '-days',
      String(days),
      '-extfile',
      extensions,
      '-out',
      file,
    ]);
    return this.#kept(file, keyFile);
  }

  /** Whether OpenSSL takes a certificate that the first signed, which the second, a root, signed. */
  takes(leaf: Kept, issuing: Kept, root: Kept): boolean {
    const files = [leaf, issuing, root].map(({ certificate }) => {
      const file = this.#file('crt');
      writeFileSync(file, certificate);
      return file;
    });
    const [leafFile = '', issuingFile = '', rootFile = ''] = files;
    const args = ['verify', '-CAfile', rootFile, '-untrusted', issuingFile, leafFile];
    return spawnSync('openssl', args, { stdio: 'ignore' }).status === 0;
  }

  #kept(certificate: string, key: string): Kept {
    return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
  }

  #next(): number {
    return (this.#serial += 1);
  }

  #file(suffix: string): string {
    return join(this.folder, `${this.#next()}.${suffix}`);
  }

  #run(args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}

/** Istio's files, put into a folder one after the other, each in one piece. */
export function plugIn(
  folder: string,
  issuing: Kept,
  roots: readonly Kept[],
  more: Readonly<Record<string, string | undefined>> = {},
): void {
  const files: Record<string, string | undefined> = {
    'root-cert.pem': roots.map(({ certificate }) => certificate).join(''),
    'cert-chain.pem': issuing.certificate,
    'ca-cert.pem': issuing.certificate,
    'ca-key.pem': issuing.key,
    ...more,
  };
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, name);
    if (text === undefined) {
      rmSync(file, { force: true });
      continue;
    }
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
}
