/** Pods that tell who they are and whom they see, and the script that asks many addresses at once. */

/** What is asked, and how often: each time by a connection, or a datagram, of its own. */
export interface Call {
  readonly address: string;
  readonly port: number;
  readonly protocol?: 'TCP' | 'UDP';
  readonly times?: number;
}

const serve = `
const name = process.argv[1];
const seen = (address) => name + ' ' + address.replace('::ffff:', '');
for (const port of [8080, 8081]) {
  require('node:http')
    .createServer((request, response) => response.end(seen(request.socket.remoteAddress)))
    .listen(port, '::');
}
const socket = require('node:dgram').createSocket('udp6');
socket.on('message', (_, { port, address }) => socket.send(seen(address), port, address)).bind(8053, '::');
process.on('SIGTERM', () => process.exit(0));
`;

/** Answers `NAME CLIENT_ADDRESS` over HTTP at 8080, which has the name `http`, and 8081, and over UDP at 8053; over both families. */
export function callee(name: string, nodeName: string, labels: Readonly<Record<string, string>>): object {
  const container = {
    name: 'app',
    image: 'timonel.local/node:host',
    command: ['node', '-e', serve, name],
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: { nodeName, terminationGracePeriodSeconds: 1, containers: [container] },
  };
}

/** A service of such pods, at TCP port 80 and UDP port 53. */
export function serviceOf(
  name: string,
  selector: Readonly<Record<string, string>>,
  spec: object,
  nodePort?: number,
): object {
  const udpNodePort = nodePort === undefined ? undefined : nodePort + 1;
  const ports = [
    { name: 'http', port: 80, targetPort: 8080, nodePort },
    { name: 'udp', protocol: 'UDP', port: 53, targetPort: 8053, nodePort: udpNodePort },
  ];
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector, ports, ...spec } };
}

/**
 * For `node -e`, with a list of {@link Call}s as JSON: prints a list of lists of who answered each, sorted, each once. Who does not
 * answer within two seconds, or so many milliseconds as are given beside, or refuses, is `nobody`.
 */
export const callScript = `
const none = 'nobody';
const timeout = Number(process.argv[2] ?? 2000);
const tcp = ({ address, port }) => new Promise((resolve) => {
  const call = require('node:http').get({ host: address, port, agent: false, timeout }, (answer) => {
    let text = '';
    answer.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text)).on('error', () => resolve(none));
  });
  call.on('timeout', () => call.destroy()).on('error', () => resolve(none));
});
const udp = ({ address, port }) => new Promise((resolve) => {
  const socket = require('node:dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const end = (text) => { socket.close(); clearTimeout(timer); resolve(text); };
  const timer = setTimeout(() => end(none), timeout);
  socket.on('message', (text) => end(String(text))).on('error', () => end(none));
  socket.connect(port, address, (error) => (error ? end(none) : socket.send('who')));
});
const all = async (call) => {
  const answers = Array.from({ length: call.times ?? 1 }, () => (call.protocol === 'UDP' ? udp(call) : tcp(call)));
  return [...new Set(await Promise.all(answers))].sort();
};
Promise.all(JSON.parse(process.argv[1]).map(all)).then((lists) => console.log(JSON.stringify(lists)));
`;

/**
 * For `node -e` with an address and a port: sends a datagram from one and the same port every 100 ms for ever, and prints each answer
 * that differs from the one before.
 */
export const steadyScript = `
const [address, port] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4');
let last = '';
socket.on('message', (text) => {
  if (String(text) === last) return;
  last = String(text);
  console.log(last);
});
socket.on('error', () => undefined);
setInterval(() => socket.send('who', Number(port), address, () => undefined), 100);
`;
