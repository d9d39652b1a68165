import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { decodePems } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';

interface MachineFiles {
  readonly certificate: string;
  readonly key: string;
}

/** The authority could only say that it does not believe it; here it is known which file is wrong. */
export function checkMachineKey(certificates: string, privateKey: string, { certificate, key }: MachineFiles): void {
  const [leaf] = decodePems(certificates, 'CERTIFICATE', `\`${certificate}\``);
  if (leaf === undefined || new X509Certificate(leaf).checkPrivateKey(readKey(privateKey, key))) return;
  const message = `the key in \`${key}\` is not that of the certificate in \`${certificate}\``;
  throw new GarrisonError('FAILED_PRECONDITION', message, {
    place: 'join.x509pop.key',
    remedy: 'name the key that this certificate was made for; the machine’s own certificate goes first in its file',
  });
}

function readKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `\`${file}\` holds no key that can be read`, {
      place: 'join.x509pop.key',
      remedy: 'put the machine’s private key there, as PEM and not encrypted',
      cause,
    });
  }
}
