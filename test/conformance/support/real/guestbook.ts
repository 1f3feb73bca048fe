/** A small application of two Deployments: a front end and a back end, each with a service of its name. */
import { steady } from './containers.ts';

export const hostImage = 'timonel.local/node:host';

/** A Deployment of one pod that runs a script of Node.js, is ready when it answers, and has a service of its name. */
function application(name: string, script: string): readonly object[] {
  const labels = { app: 'guestbook', tier: name };
  const readinessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1, timeoutSeconds: 5 };
  const container = { name: 'c', image: hostImage, command: ['node', '-e', script], readinessProbe };
  const template = { metadata: { labels }, spec: steady(container, { terminationGracePeriodSeconds: 1 }) };
  const deployment = { replicas: 1, selector: { matchLabels: labels }, template };
  return [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, labels }, spec: deployment },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, labels },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ];
}

/** Keeps what it is sent, and answers all of it. */
const backEnd = `
const entries = [];
require('node:http').createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  if (request.method === 'POST') entries.push(body);
  response.end(entries.join());
}).listen(8080);`;
/** Stores in the back end and reads from it, which it knows by its name alone. */
const frontEnd = `
require('node:http').createServer(async (request, response) => {
  try {
    let body = request.method === 'POST' ? '' : undefined;
    for await (const chunk of request) body += chunk;
    const answer = await fetch('http://back-end', { method: request.method, body });
    response.end('guests: ' + await answer.text());
  } catch (error) {
    response.writeHead(502).end(String(error.cause ?? error));
  }
}).listen(8080);`;

export const guestbook: readonly object[] = [
  ...application('back-end', backEnd),
  ...application('front-end', frontEnd),
];
