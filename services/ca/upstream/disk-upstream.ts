import { randomBytes } from 'node:crypto';
import { accessSync, constants, readFileSync } from 'node:fs';
import { checkGiven } from '#ca/issue/check-given.ts';
import { planAuthority } from '#ca/issue/plan-authority.ts';
import { newSerial } from '#ca/issue/serial.ts';
import { validityFor } from '#ca/issue/validity.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { decodePems } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Ceremony } from '../authority/create-authority.ts';
import { recordAndSign } from '../issuing/record-and-sign.ts';
import { readKeyFile } from '../keys/key-file.ts';
import type { Upstream } from './upstream.ts';

export interface DiskUpstreamFiles {
  /** The certificate of the authority above, then those above it. */
  readonly certificate: string;
  readonly key: string;
  /** Its roots; where it is absent, the last certificate is the root. */
  readonly bundle: string | undefined;
}

const backdateSeconds = 300;
const place = 'ca.upstream.disk';

/**
 * An authority above whose certificate and key lie in files. They are read whenever an intermediate is due and at no other
 * time, so that they may be away in between.
 */
export function diskUpstream(
  files: DiskUpstreamFiles,
  passphrase: string | undefined,
  ceremony: Omit<Ceremony, 'keys'> & { readonly dnsNames: readonly string[] },
): Upstream {
  return {
    newIntermediate: async ({ publicKey }) => {
      const { clock, trustDomain, dnsNames, instance, life } = ceremony;
      const certificates = pems(files.certificate);
      const bundle = files.bundle === undefined ? certificates.slice(-1) : pems(files.bundle);
      const now = clock.now();
      const { certificate } = files;
      const { issuing, above, root } = checkGiven(certificates, bundle, now, {
        ...{ trustDomain, dnsNames, intermediateBelow: true, place },
        files: { issuing: certificate, above: certificate, root: files.bundle ?? certificate },
      });
      mustBeThere(files.key);
      const key = readKeyFile(files.key, passphrase);
      if (!issuing.certificate.checkPrivateKey(key)) {
        throw new GarrisonError('FAILED_PRECONDITION', `\`${files.key}\` is not the key of \`${files.certificate}\``, {
          place,
          remedy: 'name the two files that belong together',
        });
      }
      const plan = planAuthority('intermediate', {
        trustDomain,
        serial: newSerial(instance(), now, randomBytes),
        key: publicKey,
        validity: validityFor({ now, seconds: life.issuingSeconds, backdateSeconds, within: issuing.validity }),
        issuer: issuing,
      });
      const warrant = { caller: 'self', grant: 'upstream:disk' };
      const made = await recordAndSign(ceremony, plan, keySigner(key), warrant);
      const between = issuing === root ? [] : [issuing.der, ...above];
      return { chain: [made, ...between], bundle };
    },
    follow: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function pems(file: string): Uint8Array[] {
  mustBeThere(file);
  return decodePems(readFileSync(file, 'utf8'), 'CERTIFICATE', `\`${file}\``);
}

function mustBeThere(file: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `\`${file}\` of the authority above cannot be read`, {
      place,
      remedy: 'put it back: a new intermediate is due',
      cause,
    });
  }
}
