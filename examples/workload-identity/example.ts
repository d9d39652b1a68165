import { once } from 'node:events';
import { createServer, request } from 'node:https';
import { WorkloadIdentity, memberOf, oneOf, peerOf } from 'garrison/identity';

// Found by SPIFFE_ENDPOINT_SOCKET: the Workload API of Garrison, of SPIRE, or another one.
const me = await WorkloadIdentity.connect();
const { id } = me.svid;

// A server that lets in whoever is of the own trust domain, and knows who it is.
const server = createServer(me.tlsServerOptions(), (asked, answer) => {
  answer.end(`hello ${String(peerOf(asked.socket))}`);
});
me.guard(server, memberOf(id.trustDomain)).listen(0, '127.0.0.1');
await once(server, 'listening');

// A client that talks to this identity only; the options may be kept, they follow the identity.
const options = me.tlsClientOptions(oneOf(id.toString()));
const address = server.address();
const port = typeof address === 'object' ? address?.port : undefined;
const asking = request({ host: '127.0.0.1', port, ...options });
asking.end();
asking.on('response', (answer) => answer.on('data', (text) => console.log(String(text))));
await once(asking, 'close');

// A token for a service that does not speak mutual TLS, and what that service does with it.
const { token } = await me.fetchJwtSvid('reports');
const sender = await me.validateJwtSvid(token, 'reports');
console.log(`token of ${String(sender.id)} for ${String(sender.claims['aud'])}`);

server.close();
await me[Symbol.asyncDispose]();
