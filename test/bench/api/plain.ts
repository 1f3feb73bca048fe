/**
 * The yardstick: a process that answers every request with the same 1.2 KB by Node's own HTTPS server, `plain.ts JSON`. What the machine
 * gives for TLS and HTTP, and nothing else. Ends with its parent.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ServedAt } from './server.ts';

const { pki } = JSON.parse(process.argv[2] ?? '{}') as { pki: string };
const file = (name: string): string => readFileSync(join(pki, name), 'utf8');
const body = Buffer.alloc(1200, 'x');
const headers = { 'content-type': 'application/json', 'content-length': body.length };
const options = {
  key: file('apiserver.key'),
  cert: file('apiserver.crt'),
  requestCert: true,
  rejectUnauthorized: false,
};
const server = createServer({ ...options, ca: file('ca.crt') }, (_request, response) => {
  response.writeHead(200, headers);
  response.end(body);
});
process.stdin.on('end', () => process.exit(0)).resume();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  const served: ServedAt = { url: `https://127.0.0.1:${port}`, ca: file('ca.crt'), token: 'none' };
  console.log(JSON.stringify(served));
});
