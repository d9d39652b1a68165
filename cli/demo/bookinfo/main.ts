// One process of Bookinfo; NAME says which. It listens on loopback only: who wants in comes through its sidecar.
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { details } from './details.ts';
import { ingress } from './ingress.ts';
import { productpage } from './productpage.ts';
import { ratings } from './ratings.ts';
import { reviews } from './reviews.ts';
import { asked, json, send } from './service.ts';
import type { Service } from './service.ts';
import { readSettings } from './settings.ts';

const settings = readSettings(process.env);

function answerWith(service: Service): RequestListener {
  return (request, response) => {
    service(asked(request)).then(
      (reply) => send(response, reply),
      (error: unknown) => send(response, json(500, { error: error instanceof Error ? error.message : 'unknown' })),
    );
  };
}

function listener(): RequestListener {
  switch (settings.name) {
    case 'productpage':
      return answerWith(productpage(settings));
    case 'details':
      return answerWith(details);
    case 'reviews':
      return answerWith(reviews(settings));
    case 'ratings':
      return answerWith(ratings());
    case 'ingress':
      return ingress(settings);
    default:
      throw new Error(`no such part of Bookinfo: \`${settings.name}\``);
  }
}

const server = createServer(listener());
server.listen(settings.port, '127.0.0.1', () => process.stdout.write('ready\n'));
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  process.exit(0);
});
// Whoever started us holds the other end of stdin: when it is gone, so are we.
process.stdin.on('end', () => process.exit(0)).resume();
