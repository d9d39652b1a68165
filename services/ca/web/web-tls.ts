import { constants, X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { GarrisonError } from '#proto/errors/index.ts';
import type { WebCertificate } from '#runtime/config/bundle-endpoint-config.ts';
import { tellIfExposed, warnOfExposed } from '#runtime/config/read-secret-file.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { Logger } from '#runtime/logger.ts';
import { keyExchangeGroups, secureContextOptions } from '#runtime/tls.ts';
import { watchFiles } from '#runtime/watch-files.ts';

/** What a server for everybody shows, and how it hears that it is another thing now. */
export interface WebTls {
  current(): SecureContextOptions;
  onChange(listener: () => void, signal: AbortSignal): void;
}

/** Federation §5.1 asks for Mozilla's "intermediate": clients older than TLS 1.3 may ask too. What is served is no secret. */
const intermediate: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  ecdhCurve: `${keyExchangeGroups}:prime256v1:secp384r1`,
  ciphers: [
    ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
    ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
    ...['ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ].join(':'),
  secureOptions: constants.SSL_OP_NO_TICKET,
};

/** The authority's own SVID. */
export function svidTls(identity: IdentitySource): WebTls {
  return {
    current: () => ({ ...secureContextOptions(identity.current()), ...intermediate }),
    onChange: (listener, signal) => signal.addEventListener('abort', identity.onChange(listener), { once: true }),
  };
}

/** A certificate from files. A change that is no good (half of a renewal, mostly) is told, and the last good one stays. */
export function fileTls(files: WebCertificate, setting: string, logger: Logger): WebTls {
  let current = load(files, setting);
  tellIfExposed(files.key, setting, warnOfExposed(logger));
  return {
    current: () => current,
    onChange: (listener, signal) => void follow(listener, signal),
  };

  async function follow(listener: () => void, signal: AbortSignal): Promise<void> {
    let first = true;
    for await (const _ of watchFiles([files.certificate, files.key], signal)) {
      if (first) {
        first = false;
        continue;
      }
      try {
        current = load(files, setting);
        listener();
        logger.info('certificate taken', { setting, certificate: files.certificate });
      } catch (error) {
        logger.error('certificate not taken', { setting, error });
      }
    }
  }
}

function load({ certificate, key }: WebCertificate, setting: string): SecureContextOptions {
  try {
    const options = { ...intermediate, cert: readFileSync(certificate), key: readFileSync(key) };
    if (!new X509Certificate(options.cert).checkPrivateKey(createPrivateKey(options.key))) {
      throw new GarrisonError('FAILED_PRECONDITION', `\`${key}\` is not the key of \`${certificate}\``);
    }
    createSecureContext(options);
    return options;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GarrisonError('FAILED_PRECONDITION', `the certificate cannot be used: ${reason}`, {
      place: setting,
      remedy: 'put a PEM certificate, leaf first, and its private key in these files',
      cause,
    });
  }
}
