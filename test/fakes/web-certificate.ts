import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface WebFiles {
  readonly certificate: string;
  readonly key: string;
  /** The authority that signed it, PEM: what a client must trust. */
  readonly authority: string;
  readonly authorityFile: string;
  /** Puts another certificate of the same authority in the place of the first, in one piece each. */
  renew(): void;
}

/** A certificate for `localhost` and 127.0.0.1 by a small authority of its own, as web servers have them. */
export function webCertificate(folder: string, name = 'web'): WebFiles {
  const at = (file: string): string => join(folder, `${name}-${file}`);
  const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { stdio: 'pipe' });
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const authority = [...ec, '-keyout', at('ca-key.pem'), '-out', at('ca.pem'), '-subj', `/CN=${name} authority`];
  openssl('req', '-x509', ...authority, '-addext', 'basicConstraints=critical,CA:TRUE');
  writeFileSync(at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n');
  const make = (): void => {
    openssl('req', ...ec.slice(0, 5), '-keyout', at('key.new'), '-out', at('request.pem'), '-subj', '/CN=localhost');
    const signer = ['-CA', at('ca.pem'), '-CAkey', at('ca-key.pem'), '-CAcreateserial', '-days', '2'];
    openssl('x509', '-req', '-in', at('request.pem'), ...signer, '-extfile', at('names'), '-out', at('cert.new'));
    renameSync(at('key.new'), at('key.pem'));
    renameSync(at('cert.new'), at('cert.pem'));
  };
  make();
  return {
    certificate: at('cert.pem'),
    key: at('key.pem'),
    authority: readFileSync(at('ca.pem'), 'utf8'),
    authorityFile: at('ca.pem'),
    renew: make,
  };
}
