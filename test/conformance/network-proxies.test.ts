/** The API server passes requests on to pods and services, with real containers. */
import { describe, expect, it } from '@jest/globals';
import { steady } from './support/real/containers.ts';
import { realNode } from './support/real/real-node.ts';

const node = realNode();

/** Tells what it was asked; `/moved` leads elsewhere, `/teapot` has a status of its own. */
const serve = `
require('node:http').createServer((request, response) => {
  if (request.url === '/moved') return response.writeHead(301, { location: '/target?a=b' }).end();
  if (request.url === '/teapot') return response.writeHead(418).end('{"message":"short and stout"}');
  let body = '';
  request.on('data', (chunk) => (body += chunk)).on('end', () =>
    response.end(JSON.stringify({ method: request.method, path: request.url, body })));
}).listen(8080, '0.0.0.0');
`;
const labels = { app: 'told' };
const readinessProbe = { tcpSocket: { port: 8080 }, periodSeconds: 1 };
const container = {
  name: 'c',
  image: 'timonel.local/node:host',
  command: ['node', '-e', serve],
  ports: [{ name: 'web', containerPort: 8080 }],
  readinessProbe,
};
const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

describe('network: proxies of the API server', () => {
  const pod = node.pod('told', steady(container), { labels });
  node.object('Service', 'told', {
    spec: { selector: labels, ports: [{ name: 'front', port: 80, targetPort: 'web' }] },
  });
  const proxy = (of: string): string => `/api/v1/namespaces/default/${of}/proxy`;
  const ends = {
    'pods/told': 'pods/told',
    'pods/told:8080': 'pods/told:8080',
    'pods/http:told:8080': 'pods/http:told:8080',
    'services/told': 'services/told:80',
    'services/told:front': 'services/told:front',
    'services/http:told:front': 'services/http:told:front',
  };

  for (const [name, end] of Object.entries(ends)) {
    it(`lead by paths and queries to ${name}`, async () => {
      await pod.ready();
      for (const path of ['/', '/a/b%20c', '/a/?x=1&y=%2F'])
        expect(await node.api.ask('GET', `${proxy(end)}${path}`)).toEqual({ method: 'GET', path, body: '' });
    });
  }
  for (const end of ['pods/told', 'services/told:front']) {
    it(`pass on every method, answer and redirect of ${end}, with and without a path`, async () => {
      await pod.ready();
      for (const method of methods) {
        for (const path of ['', '/some/path?with=query']) {
          // As browsers need it for links that are relative.
          const redirects = path === '' && method === 'GET';
          const sent = method === 'GET' || method === 'OPTIONS' ? undefined : { hello: method };
          const { status, body } = await node.api.send(method, `${proxy(end)}${path}`, sent);
          const told = { method, path: path || '/', body: sent === undefined ? '' : JSON.stringify(sent) };
          expect([method, path, status, body]).toEqual(
            redirects ? [method, path, 301, undefined] : [method, path, 200, told],
          );
        }
      }
      expect(await node.api.send('GET', `${proxy(end)}/teapot`)).toMatchObject({
        status: 418,
        body: { message: 'short and stout' },
      });
      expect((await node.api.send('GET', `${proxy(end)}/moved`)).status).toBe(301);
      expect((await node.api.send('HEAD', `${proxy(end)}/some/path`)).status).toBe(200);
    });
  }
});
