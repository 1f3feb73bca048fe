/** What runs in the pods of `timonel net check`: a server that sends back what it is sent, and a prober that asks all of them. */

/** How a try went. The letter is what a prober tells. */
export const outcomes = {
  o: 'ok',
  n: 'no answer',
  r: 'refused',
  u: 'no route',
  b: 'small packets only',
  x: 'unknown name',
  f: 'failed',
  '.': 'not tried',
} as const;
export type Outcome = (typeof outcomes)[keyof typeof outcomes];

/** What a prober asks for each node: addresses without which nothing is tried. */
export interface ProbeTarget {
  /** Of the pod there. */
  readonly pod?: string;
  /** Of the service that leads to it. */
  readonly service?: string;
  /** Of the machine. */
  readonly node?: string;
}

export interface ProbeOrder {
  readonly targets: readonly ProbeTarget[];
  readonly names: readonly string[];
}

export interface ProbeResult {
  /** In the order of the targets. */
  readonly targets: readonly { readonly pod: Outcome; readonly service: Outcome; readonly node: Outcome }[];
  readonly names: readonly Outcome[];
}

export const serverPort = 8080;
/** The node's own server. That it refuses says as well that the machine is reached. */
const nodePort = 10_250;
/** Of a packet that fits everywhere, and of what needs packets as large as the path says it takes. */
const sizes = { small: 16, big: 32_768 };
const tryMs = 2000;
const tries = { pod: 2, service: 6 };
const pauseMs = 300;
/** Resolvers of C libraries ask again after five seconds. */
const nameMs = 6000;
const atOnce = 64;

export const serverScript: string = `
const server = require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
});
server.listen(${serverPort}, process.env.POD_IP);
process.on('SIGTERM', () => process.exit(0));
`;

/**
 * With a {@link ProbeOrder} as JSON. Tells its result, a letter for each try, on its last line, and fails: so the line becomes the
 * message of its end in the pod's status, which needs no way from the API to the node.
 */
export const proberScript: string = `
const net = require('node:net');
const { targets, names } = JSON.parse(process.argv[1]);
const letters = { ECONNREFUSED: 'r', EHOSTUNREACH: 'u', ENETUNREACH: 'u', ETIMEDOUT: 'n' };
const letter = (error) => letters[error.code] ?? 'f';
const pause = () => new Promise((next) => setTimeout(next, ${pauseMs}));

const echo = (host, size) => new Promise((resolve) => {
  const socket = net.connect({ host, port: ${serverPort} });
  const end = (how) => { clearTimeout(timer); socket.destroy(); resolve(how); };
  const timer = setTimeout(() => end('n'), ${tryMs});
  let came = 0;
  socket.on('connect', () => socket.end(Buffer.alloc(size)));
  socket.on('data', (chunk) => (came += chunk.length));
  socket.on('end', () => end(came === size ? 'o' : 'f')).on('error', (error) => end(letter(error)));
});
const reach = (host) => new Promise((resolve) => {
  const socket = net.connect({ host, port: ${nodePort} });
  const end = (how) => { clearTimeout(timer); socket.destroy(); resolve(how); };
  const timer = setTimeout(() => end('n'), ${tryMs});
  socket.on('connect', () => end('o'));
  socket.on('error', (error) => end(error.code === 'ECONNREFUSED' ? 'o' : letter(error)));
});
const repeated = async (times, work, isLast = (how) => how === 'o') => {
  for (let turn = 1; ; turn += 1) {
    const how = await work();
    if (isLast(how) || turn >= times) return how;
    await pause();
  }
};
const whole = async (times, host) => {
  const small = await repeated(times, () => echo(host, ${sizes.small}));
  if (small !== 'o') return small;
  return (await repeated(Math.min(times, 2), () => echo(host, ${sizes.big}))) === 'o' ? 'o' : 'b';
};
// Where the pod is not reached, a service that is not up to date cannot be told from that.
const ways = async ({ pod, service }) => {
  const byPod = pod === undefined ? '.' : await whole(${tries.pod}, pod);
  return [byPod, service === undefined ? '.' : await whole(byPod === 'o' ? ${tries.service} : 1, service)];
};
// In a process of its own: none ends before its resolver does, unless it is killed.
const lookUp = "require('node:dns').lookup(process.argv[1], (error) => process.exit(error === null ? 0 : error.code === 'ENOTFOUND' ? 3 : 1))";
const resolved = (name) => new Promise((resolve) => {
  const limits = { timeout: ${nameMs}, killSignal: 'SIGKILL' };
  require('node:child_process').execFile(process.execPath, ['-e', lookUp, name], limits, (error) =>
    resolve(error === null ? 'o' : error.code === 3 ? 'x' : 'n'));
});
const one = async (target) => {
  const link = target.node === undefined ? '.' : repeated(2, () => reach(target.node));
  return [...(await ways(target)), await link].join('');
};
const all = async (list, work) => {
  const told = [];
  let next = 0;
  const worker = async () => { while (next < list.length) { const at = next++; told[at] = await work(list[at]); } };
  await Promise.all(Array.from({ length: ${atOnce} }, worker));
  return told;
};
Promise.all([all(targets, one), all(names, (name) => repeated(6, () => resolved(name), (how) => how !== 'x'))]).then(([targets, names]) => {
  process.stdout.write(targets.join(',') + ';' + names.join('') + '\\n', () => process.exit(1));
});
`;

/** Undefined: that is no result for so many targets and names. */
export function readResult(text: string, { targets, names }: ProbeOrder): ProbeResult | undefined {
  const line = text.trim().split('\n').at(-1) ?? '';
  const [first, second, ...rest] = line.split(';');
  if (first === undefined || second === undefined || rest.length > 0) return undefined;
  const words = targets.length === 0 ? [] : first.split(',');
  if (words.length !== targets.length || second.length !== names.length) return undefined;
  if (words.some((word) => word.length !== 3) || !`${words.join('')}${second}`.split('').every(isLetter))
    return undefined;
  return {
    targets: words.map((word) => ({ pod: meaning(word, 0), service: meaning(word, 1), node: meaning(word, 2) })),
    names: second.split('').map((_, at) => meaning(second, at)),
  };
}

const isLetter = (letter: string): boolean => Object.hasOwn(outcomes, letter);
const meaning = (word: string, at: number): Outcome => outcomes[word[at] as keyof typeof outcomes] ?? 'failed';
