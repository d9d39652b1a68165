import { randomUUID } from 'node:crypto';
import { GarrisonError } from '#proto/errors/index.ts';
import { staticIdentity } from '#runtime/identity-source.ts';
import { withFailPolicy } from '#services/sidecar/decide/fail-policy.ts';
import { remoteDecider } from '#services/sidecar/decide/remote-decider.ts';
import { meshClients } from '#services/sidecar/mesh-clients.ts';
import { describeDecider } from '#test/contract/decider.ts';
import { FakeDecider } from '#test/fakes/fake-decider.ts';
import { spiffeIdOf, startWorld } from '#test/fakes/sidecar-world.ts';

describeDecider('asking the authorization service', async (failOpen) => {
  const world = await startWorld();
  const identity = staticIdentity(await world.pki.identity(spiffeIdOf('web')));
  const mesh = meshClients({ ...world.addresses, identity, checkMs: 5_000 });
  const decider = withFailPolicy(remoteDecider(mesh.check, randomUUID), {
    failOpen,
    newId: randomUUID,
    onUndecided: () => undefined,
  });
  return {
    decider,
    rule: (ruling) => world.rule(ruling),
    cutOff: () => world.stopAuthz(),
    [Symbol.asyncDispose]: async () => {
      mesh[Symbol.dispose]();
      await world[Symbol.asyncDispose]();
    },
  };
});

describeDecider('the fake', (failOpen) => {
  const decider = new FakeDecider(failOpen);
  return Promise.resolve({
    decider,
    rule: (ruling) => decider.rule(ruling),
    cutOff: () => {
      decider.rule(() => Promise.reject(new GarrisonError('UNAVAILABLE', 'nobody is there')));
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
