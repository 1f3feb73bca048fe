/** Pods that tell who they are over TCP (HTTP) and UDP, and the script that asks them. */

/** What is asked, and how often: each time by a connection, or a datagram, of its own. */
export interface Dial {
  readonly address: string;
  readonly port: number;
  readonly protocol?: 'TCP' | 'UDP';
  readonly times?: number;
}

/**
 * For `node -e`, with a {@link Dial} as JSON: prints who answered, sorted, each once. Who does not answer within two seconds, or
 * refuses, is `nobody`.
 */
export const dialScript = `
const { address, port, protocol = 'TCP', times = 1 } = JSON.parse(process.argv[1]);
const none = 'nobody';
const tcp = () => new Promise((resolve) => {
  const call = require('node:http').get({ host: address, port, agent: false, timeout: 2000 }, (answer) => {
    let text = '';
    answer.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text)).on('error', () => resolve(none));
  });
  call.on('timeout', () => call.destroy()).on('error', () => resolve(none));
});
const udp = () => new Promise((resolve) => {
  const socket = require('node:dgram').createSocket('udp4');
  const end = (text) => { socket.close(); clearTimeout(timer); resolve(text); };
  const timer = setTimeout(() => end(none), 2000);
  socket.on('message', (text) => end(String(text))).on('error', () => end(none));
  socket.connect(port, address, () => socket.send('who'));
});
(async () => {
  const seen = new Set();
  for (let turn = 0; turn < times; turn += 1) seen.add(await (protocol === 'UDP' ? udp() : tcp()));
  console.log(JSON.stringify([...seen].sort()));
})();
`;

const serve = `
const [name, ...ports] = process.argv.slice(1);
let left = ports.length * 2;
const up = () => { if (--left === 0) console.log('up'); };
for (const port of ports.map(Number)) {
  const text = ports.length === 1 ? name : name + ':' + port;
  require('node:http').createServer((request, response) => response.end(text)).listen(port, '0.0.0.0', up);
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (_, { port, address }) => socket.send(text, port, address)).bind(port, '0.0.0.0', up);
}
process.on('SIGTERM', () => process.exit(0));
`;

/** The body of a pod on this node that answers by its name, with `:PORT` where it has several. */
export function talker(name: string, nodeName: string, ports: readonly number[], more: object = {}): object {
  const container = {
    name: 'c',
    image: 'timonel.local/node:host',
    command: ['node', '-e', serve, name, ...ports.map(String)],
    readinessProbe: { httpGet: { path: '/', port: ports[0] }, periodSeconds: 1 },
  };
  return {
    metadata: { labels: { app: 'talker' } },
    spec: { nodeName, terminationGracePeriodSeconds: 1, containers: [container], ...more },
  };
}
