// Exec, Attach and PortForward of @kubernetes/client-node, in a process of their own: the library does not load inside of Jest.
// Arguments: kubeconfig, and a port that sends back what it gets. Prints what came back as JSON.
import { PassThrough } from 'node:stream';
// Before the library.
import './newer-node.mjs';
import { Attach, Exec, KubeConfig, PortForward } from '@kubernetes/client-node';

const [kubeconfig, port] = process.argv.slice(2);
const config = new KubeConfig();
config.loadFromFile(kubeconfig);

function collected() {
  const stream = new PassThrough();
  const chunks = [];
  stream.on('data', (chunk) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
}

const closed = (socket) => new Promise((resolve) => socket.addEventListener('close', resolve));
const first = (stream) => new Promise((resolve) => stream.once('data', resolve));

async function exec() {
  const [out, err, input] = [collected(), collected(), new PassThrough()];
  const command = ['sh', '-c', 'cat; echo err >&2; exit 3'];
  let status;
  const socket = await new Exec(config).exec(
    'default',
    'a',
    'app',
    command,
    out.stream,
    err.stream,
    input,
    false,
    (one) => (status = one),
  );
  input.end('through\n');
  await closed(socket);
  return { out: out.text(), err: err.text(), status };
}

async function attach() {
  const [out, input] = [collected(), new PassThrough()];
  const socket = await new Attach(config).attach('default', 'a', 'app', out.stream, null, input, false);
  input.write('this\n');
  await closed(socket);
  return out.text();
}

async function forward() {
  const [out, err, input] = [collected(), collected(), new PassThrough()];
  const socket = await new PortForward(config).portForward(
    'default',
    'a',
    [Number(port)],
    out.stream,
    err.stream,
    input,
  );
  const answer = first(out.stream);
  input.write('hello');
  const text = String(await answer);
  socket.close();
  return { text, err: err.text() };
}

console.log(JSON.stringify({ exec: await exec(), attach: await attach(), forward: await forward() }));
