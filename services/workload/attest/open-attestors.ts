import type { Clock } from '#runtime/clock.ts';
import type { AttestorsConfig } from '#runtime/config/attestors-config.ts';
import type { Logger } from '#runtime/logger.ts';
import { BinaryHashes } from '../binary-hash.ts';
import { Attestors } from './attestors.ts';
import { docker } from './docker.ts';
import { kubernetes } from './kubernetes.ts';
import { ProcessFiles } from './process-files.ts';
import { systemd } from './systemd.ts';
import { unixBinary } from './unix-binary.ts';
import { unixNames } from './unix-names.ts';

/** What the kernel says is always there; the others where they are configured. */
export function openAttestors(
  config: AttestorsConfig,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Attestors {
  const files = new ProcessFiles();
  const all = [
    unixNames(),
    unixBinary(new BinaryHashes()),
    ...(config.systemd === undefined ? [] : [systemd({ ...config.systemd, files })]),
    ...(config.docker === undefined ? [] : [docker({ ...config.docker, files })]),
    ...(config.k8s === undefined ? [] : [kubernetes({ kubelet: config.k8s, files, clock })]),
  ];
  return new Attestors(all, logger);
}
