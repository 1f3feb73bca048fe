/**
 * A server behind the aggregation layer: wardle.example.com/v1alpha1 with flunders, in memory. It believes whoever shows a certificate of
 * CLIENT_CA with the name front-proxy-client. Objects of some names misbehave: `redirect`, `garbage`, `hang`, `headers`, `echo`.
 * Environment: PORT, KEY, CERT, CLIENT_CA (PEM texts). Says `listening PORT`.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:https';

const { PORT = '0', KEY, CERT, CLIENT_CA } = process.env;
const root = '/apis/wardle.example.com/v1alpha1';
const document = { openapi: '3.0.0', info: { title: 'wardle', version: 'v1' }, paths: {}, components: { schemas: {} } };
const flunders = new Map();
const watchers = new Set();
let version = 1;
let broken = false;

const send = (res, status, object) => {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(object));
};
const failure = (res, code, reason, message) =>
  send(res, code, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message });
const discovery = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: 'wardle.example.com/v1alpha1',
  resources: [
    {
      name: 'flunders',
      singularName: 'flunder',
      namespaced: true,
      kind: 'Flunder',
      verbs: ['create', 'delete', 'get', 'list', 'watch'],
      shortNames: ['fl'],
    },
  ],
};

function stored(namespace, object) {
  version += 1;
  const uid = `uid-${version}`;
  const creationTimestamp = new Date().toISOString().replace(/\.\d+/, '');
  const metadata = { ...object.metadata, namespace, uid, resourceVersion: String(version), creationTimestamp };
  return { apiVersion: 'wardle.example.com/v1alpha1', kind: 'Flunder', ...object, metadata };
}

function tell(type, object, whom = watchers) {
  for (const { res, namespace } of whom)
    if (namespace === undefined || namespace === object.metadata.namespace)
      res.write(`${JSON.stringify({ type, object })}\n`);
}

const odd = {
  redirect: (_req, res) => res.writeHead(307, { location: 'https://127.0.0.1:1/elsewhere' }).end(),
  garbage: (req) => req.socket.end('this is not HTTP\r\n\r\n'),
  headers: (_req, res) => res.writeHead(200, { 'x-large': 'a'.repeat(100_000) }).end(),
  hang: () => undefined,
  echo: (req, res) => send(res, 200, { method: req.method, url: req.url, headers: req.rawHeaders }),
  break: (_req, res) => send(res, 200, { broken: (broken = true) }),
};

function one(req, res, { namespace, name }) {
  const key = `${namespace}/${name}`;
  const object = flunders.get(key);
  if (object === undefined) return failure(res, 404, 'NotFound', `flunders "${name}" not found`);
  if (req.method === 'DELETE') {
    flunders.delete(key);
    tell('DELETED', object);
  }
  return send(res, 200, object);
}

function all(req, res, { namespace, query, body }) {
  if (req.method === 'POST') {
    const object = stored(namespace, JSON.parse(body));
    flunders.set(`${namespace}/${object.metadata.name}`, object);
    tell('ADDED', object);
    return send(res, 201, object);
  }
  if (/^(1|t|true)$/i.test(query.get('watch') ?? '')) {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.flushHeaders();
    const watcher = { res, namespace };
    watchers.add(watcher);
    // What came between a list and the watch that goes on from it.
    const since = Number(query.get('resourceVersion') ?? version);
    for (const object of flunders.values())
      if (Number(object.metadata.resourceVersion) > since) tell('ADDED', object, [watcher]);
    res.on('close', () => watchers.delete(watcher));
    return undefined;
  }
  const items = [...flunders.values()].filter(
    ({ metadata }) => namespace === undefined || metadata.namespace === namespace,
  );
  const metadata = { resourceVersion: String(version) };
  return send(res, 200, { kind: 'FlunderList', apiVersion: 'wardle.example.com/v1alpha1', metadata, items });
}

function serve(req, res, body) {
  const { pathname, searchParams: query } = new URL(req.url, 'https://wardle');
  const peer = req.socket.getPeerCertificate();
  if (CLIENT_CA !== undefined && (!req.socket.authorized || peer.subject?.CN !== 'front-proxy-client'))
    return failure(res, 401, 'Unauthorized', 'who is that?');
  if (broken) return send(res, 500, 'broken');
  if (pathname === root) return send(res, 200, discovery);
  const name = root.slice(1);
  const hash = createHash('sha256').update(JSON.stringify(document)).digest('hex');
  if (pathname === '/openapi/v3')
    return send(res, 200, { paths: { [name]: { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` } } });
  if (pathname === `/openapi/v3/${name}`) return send(res, 200, document);
  const [, namespace, called] =
    /^(?:\/namespaces\/([^/]+))?\/flunders(?:\/([^/]+))?$/.exec(pathname.slice(root.length)) ?? [];
  if (!pathname.startsWith(`${root}/`) || !pathname.includes('/flunders'))
    return failure(res, 404, 'NotFound', 'no such path');
  if (called !== undefined && Object.hasOwn(odd, called)) return odd[called](req, res);
  return called === undefined ? all(req, res, { namespace, query, body }) : one(req, res, { namespace, name: called });
}

const server = createServer(
  {
    key: KEY,
    cert: CERT,
    ...(CLIENT_CA === undefined ? {} : { ca: CLIENT_CA, requestCert: true, rejectUnauthorized: false }),
  },
  (req, res) => {
    const chunks = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => serve(req, res, Buffer.concat(chunks).toString('utf8')));
  },
);
server.on('upgrade', (req, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  socket.pipe(socket);
  socket.on('error', () => undefined);
});
server.on('tlsClientError', () => undefined);
server.listen(Number(PORT), () => console.log(`listening ${server.address().port}`));
