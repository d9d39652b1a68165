// A collector as a process of its own, for tests that kill it. Prints its addresses once it serves.
import { silentLogger } from '#runtime/logger.ts';
import { formatAddress } from '#runtime/address.ts';
import { systemClock } from '#runtime/clock.ts';
import { staticIdentity } from '#runtime/identity-source.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { composeTelemetry } from '#services/telemetry/compose.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';

const [state = ''] = process.argv.slice(2);
const anyPort = { host: '127.0.0.1', port: 0 };
const pki = await TestPki.create();
const { addresses } = await composeTelemetry(
  {
    listen: anyPort,
    local: anyPort,
    http: anyPort,
    admin: anyPort,
    retentionMs: undefined,
    accessLog: undefined,
    metrics: { maxSeries: 100, idleMs: 3_600_000, bytes: true, cluster: 'Kubernetes' },
    shown: {},
  },
  {
    identity: staticIdentity(await pki.identity('spiffe://cluster.local/garrison/telemetry')),
    state: StateFolder.open(state),
    clock: systemClock,
    logger: silentLogger,
    stdout: process.stdout,
  },
);
process.stdout.write(`${formatAddress(addresses.telemetryLocal ?? anyPort)}\n`);
