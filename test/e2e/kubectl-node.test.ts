/** Logs, attached terminals and ports of real containers by real kubectl: all that one can ask of them. */
import { connect } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { idle, once, sh, steady } from '../conformance/support/real/containers.ts';
import { mounts } from '../conformance/support/real/keyed-volumes.ts';
import { realNode } from '../conformance/support/real/real-node.ts';
import { kubernetesTools } from '../support/kubectl.ts';
import { RunningProgram } from '../support/running-program.ts';
import { runProgram } from '../support/cluster.ts';
import { until } from '../support/until.ts';

const node = realNode();
const running: RunningProgram[] = [];
let kubectlPath = '';
beforeAll(async () => void (kubectlPath = (await kubernetesTools()).kubectl), 360_000);
afterEach(() => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL');
});

async function kubectl(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await node.cluster.kubectl(args);
  if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}
const logs = (...args: string[]): Promise<string> => kubectl('logs', ...args);

function begin(program: string, ...args: string[]): RunningProgram {
  const begun = new RunningProgram(program, args, { KUBECONFIG: node.cluster.kubeconfig });
  running.push(begun);
  return begun;
}

describe('kubectl logs', () => {
  const speaker = node.pod(
    'speaker',
    steady(sh('echo one; echo two; echo wrong >&2; sleep 3; echo three; exec sleep 3600')),
  );
  const volume = mounts({ v: { emptyDir: {} } });
  const again = node.pod(
    'again',
    steady(sh('[ -e /v/f ] && { echo second; exec sleep 3600; }; touch /v/f; echo first; exit 3', volume), volume),
  );
  const ended = node.pod('ended', once(sh('echo done')));
  const several = (name: string) =>
    node.pod(
      name,
      steady([sh(`echo of a in ${name}; exec sleep 3600`, { name: 'a' }), idle({ name: 'b' })], {
        initContainers: [sh('echo set up', { name: 'setup' })],
      }),
      { labels: { app: 'several' } },
    );
  const [left, right] = [several('left'), several('right')];
  const count = 300_000;
  const rotating = node.pod(
    'rotating',
    steady(sh(`echo 0; until [ -e /go ]; do sleep 0.1; done; seq 1 ${count}; echo end; exec sleep 3600`)),
  );

  it('shows the end, the beginning by bytes, and stamps', async () => {
    await speaker.untilLogs(/three/);
    expect(await logs('speaker')).toBe('one\ntwo\nwrong\nthree\n');
    expect(await logs('speaker', '--tail=2')).toBe('wrong\nthree\n');
    expect(await logs('speaker', '--tail=0')).toBe('');
    expect(await logs('speaker', '--limit-bytes=6')).toBe('one\ntw');
    const lines = (await logs('speaker', '--timestamps')).trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z \w+$/);
  });

  it('shows what came since then', async () => {
    await speaker.untilLogs(/three/);
    const stamped = (await logs('speaker', '--timestamps', '--tail=1')).split(' ')[0] ?? '';
    expect(await logs('speaker', `--since-time=${stamped}`)).toBe('three\n');
    expect(await logs('speaker', '--since=1h', '--tail=1')).toBe('three\n');
    await node.passed(Date.parse(stamped) + 2000);
    expect(await logs('speaker', '--since=1s')).toBe('');
  });

  it('follows, and ends with the container', async () => {
    const pod = node.later('followed', once(sh('for i in 1 2 3; do echo $i; sleep 0.3; done')));
    await pod.create();
    await pod.container('to begin', ({ state }) => state.running ?? state.terminated);
    const follow = begin(kubectlPath, 'logs', '-f', 'followed');
    expect(await follow.ended).toBe(0);
    expect(follow.output).toBe('1\n2\n3\n');
  });

  it('follows through files that a full log goes on in, and misses nothing', async () => {
    await rotating.ready();
    const follow = begin(kubectlPath, 'logs', '-f', 'rotating');
    await until(() => follow.output.startsWith('0\n'), { what: () => `the beginning in: ${follow.output}` });
    await rotating.exec('touch /go');
    await until(() => follow.output.endsWith('end\n'), { what: () => `the end in: ${follow.output.slice(-100)}` });
    const numbers = follow.output
      .split('\n')
      .slice(0, count + 1)
      .map(Number);
    expect(numbers.findIndex((number, index) => number !== index)).toBe(-1);
    // The beginning is in a file of its own by now.
    expect((await logs('rotating')).startsWith('0\n')).toBe(false);
    expect(await logs('rotating', '--tail=2')).toBe(`${count}\nend\n`);
  });

  it('shows the try before this one', async () => {
    await again.untilLogs(/second/);
    expect(await logs('again')).toBe('second\n');
    expect(await logs('again', '--previous')).toBe('first\n');
    expect((await node.cluster.kubectl(['logs', 'speaker', '-p'])).stderr).toContain(
      'previous terminated container "c" in pod "speaker" not found',
    );
  });

  it('shows a container that has ended', async () => {
    await ended.untilPhase('Succeeded');
    expect(await logs('ended')).toBe('done\n');
  });

  it('shows containers that set up, and those that are added', async () => {
    await left.ready();
    expect(await logs('left', '-c', 'setup')).toBe('set up\n');
    await kubectl(
      'debug',
      'left',
      '--image=timonel.test/probe-server:1',
      '--target=a',
      '-c',
      'look',
      '--',
      'sh',
      '-c',
      'ps; exec sleep 3600',
    );
    await until(async () => (await logs('left', '-c', 'look')).includes('sleep 3600'), { what: 'the other processes' });
  });

  it('shows all containers of many pods, and whose line is which', async () => {
    await Promise.all([left.ready(), right.ready()]);
    const lines = (await logs('-l', 'app=several', '--all-containers', '--prefix')).trimEnd().split('\n');
    const prefixed = lines.filter((line) => !line.startsWith('[pod/left/look]')).toSorted();
    expect(prefixed).toEqual([
      '[pod/left/a] of a in left',
      '[pod/left/setup] set up',
      '[pod/right/a] of a in right',
      '[pod/right/setup] set up',
    ]);
    const { stderr } = await node.cluster.kubectl(['logs', 'left', '-c', 'none']);
    expect(stderr).toContain('container none is not valid for pod left');
  });

  it('has one of the streams, for those who ask the API', async () => {
    await speaker.untilLogs(/three/);
    expect(await speaker.logs('c', '&stream=Stderr')).toBe('wrong\n');
    expect(await speaker.logs('c', '&stream=Stdout')).toBe('one\ntwo\nthree\n');
  });

  it('says why there is no log yet', async () => {
    const pod = node.later('unmade', steady(idle({ image: 'timonel.test/none:1', imagePullPolicy: 'Never' })));
    await pod.create();
    await pod.container('to wait', ({ state }) => state.waiting?.reason === 'ErrImageNeverPull');
    expect((await node.cluster.kubectl(['logs', 'unmade'])).stderr).toContain(
      'container "c" in pod "unmade" is waiting to start: trying and failing to start: ErrImageNeverPull',
    );
  });
});

describe('kubectl attach -it', () => {
  const size = `console.log(process.stdout.columns + 'x' + process.stdout.rows)`;
  const script = `const say = () => ${size}; process.stdout.on('resize', say); process.stdin.on('data', (d) => { console.log('heard ' + String(d).trim()); if (String(d).includes('quit')) process.exit(0); })`;
  const terminal = node.pod(
    'terminal',
    once({ name: 'c', image: 'timonel.local/node:host', command: ['node', '-e', script], stdin: true, tty: true }),
  );

  it('joins the terminal of a container, which follows the size of the own', async () => {
    await terminal.ready();
    const attached = begin(
      'script',
      '-qfec',
      `tty; stty cols 91 rows 33; ${kubectlPath} attach -it terminal`,
      '/dev/null',
    );
    await until(() => attached.output.includes('91x33'), { what: () => `the first size: ${attached.output}` });
    const device = /\/dev\/pts\/\d+/.exec(attached.output)?.[0] ?? '';
    expect(await runProgram('stty', ['-F', device, 'cols', '77', 'rows', '22'])).toMatchObject({ status: 0 });
    await until(() => attached.output.includes('77x22'), { what: () => `the second size: ${attached.output}` });
    attached.child.stdin.write('quit\n');
    expect(await attached.ended).toBe(0);
    expect(attached.output).toContain('heard quit');
    await terminal.untilPhase('Succeeded');
  });
});

describe('what is not there', () => {
  const pod = node.pod('quiet', steady(idle()));

  it('a command that the container does not have is named', async () => {
    await pod.ready();
    const { status, stderr } = await node.cluster.kubectl(['exec', 'quiet', '--', 'nope']);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/nope/);
  });

  it('a port that nobody listens on closes the connection, and says so', async () => {
    await pod.ready();
    const forward = begin(kubectlPath, 'port-forward', 'pod/quiet', ':9', '--address=127.0.0.1');
    const port = await until(() => /127\.0\.0\.1:(\d+) ->/.exec(forward.output)?.[1], {
      what: () => `a port in: ${forward.output}`,
    });
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
    await until(() => /error.*forwarding port/is.test(forward.output), {
      what: () => `the error in: ${forward.output}`,
    });
    expect(forward.output).toContain('port 9 of pod quiet cannot be reached');
  });
});
