// A scheduler that knows nothing of Timonel: it watches pods over HTTPS, takes a node by chance for each that names it, and posts a Binding.
// Arguments: kubeconfig (JSON), spec.schedulerName. Prints a line of JSON for each Binding: the pod, the node, the status of the answer.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';

const [kubeconfig, schedulerName] = process.argv.slice(2);
const { clusters, users } = JSON.parse(readFileSync(kubeconfig, 'utf8'));
const { server, 'certificate-authority-data': ca } = clusters[0].cluster;
const agent = new Agent({ keepAlive: true, ca: Buffer.from(ca, 'base64') });
const authorization = `Bearer ${users[0].user.token}`;

function open(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = { authorization, ...(body && { 'content-type': 'application/json' }) };
    const call = request(new URL(path, server), { method, agent, headers }, resolve);
    call.on('error', reject);
    call.end(body && JSON.stringify(body));
  });
}

async function ask(method, path, body) {
  const response = await open(method, path, body);
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, body: JSON.parse(text) };
}

const nodes = (await ask('GET', '/api/v1/nodes')).body.items.map(({ metadata }) => metadata.name);

async function bind({ name, namespace, uid }) {
  const node = nodes[Math.floor(Math.random() * nodes.length)];
  const target = { apiVersion: 'v1', kind: 'Node', name: node };
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace, uid }, target };
  const { status } = await ask('POST', `/api/v1/namespaces/${namespace}/pods/${name}/binding`, binding);
  console.log(JSON.stringify({ pod: name, node, status }));
}

const seen = new Set();
const events = await open('GET', '/api/v1/pods?watch=true');
console.log(JSON.stringify({ watching: events.statusCode }));
for await (const line of createInterface({ input: events })) {
  const { type, object } = JSON.parse(line);
  if (type !== 'ADDED' || object.spec.schedulerName !== schedulerName || object.spec.nodeName) continue;
  if (seen.has(object.metadata.uid)) continue;
  seen.add(object.metadata.uid);
  void bind(object.metadata);
}
