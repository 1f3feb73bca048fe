/** Sessions on a node under real kubectl, before and after a crash of the command. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster } from '../support/cluster.ts';
import { kubernetesTools } from '../support/kubectl.ts';
import { newTraces, traces } from '../support/machine.ts';
import { RunningProgram } from '../support/running-program.ts';
import { until } from '../support/until.ts';

const image = 'timonel.local/node:host';

describe('sessions on a node under kubectl', () => {
  let before: readonly string[];
  let cluster: TestCluster;
  let kubectlPath: string;
  const running: RunningProgram[] = [];

  const ok = (...args: string[]): Promise<string> => cluster.mustKubectl(args);

  function kubectl(...args: string[]): RunningProgram {
    const begun = new RunningProgram(kubectlPath, ['--kubeconfig', cluster.kubeconfig, ...args]);
    running.push(begun);
    return begun;
  }

  /** Attaches, says a word, waits for the answer, and leaves. */
  async function greet(pod: string, word: string): Promise<void> {
    const attached = kubectl('attach', '-i', pod);
    let answered = false;
    // What is written before the attach has begun arrives all the same; the answer to it may have come too early to be seen.
    await until(
      () => {
        attached.child.stdin.write(`${word}\n`);
        answered = attached.output.includes(`you said ${word}`);
        return answered;
      },
      { what: () => `an answer to ${word} in: ${attached.output}`, timeoutMs: 20_000, intervalMs: 200 },
    );
    attached.child.kill('SIGINT');
    await attached.ended;
  }

  beforeAll(async () => {
    kubectlPath = (await kubernetesTools()).kubectl;
    before = traces();
    cluster = await TestCluster.start();
  }, 360_000);
  afterEach(() => {
    for (const { child } of running.splice(0)) child.kill('SIGKILL');
  });
  afterAll(async () => {
    await cluster?.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 90_000);

  it('attaches to a container, also after kill -9 of the command and its next start', async () => {
    const code = 'while read -r word; do echo "you said $word"; done';
    const overrides = {
      spec: {
        containers: [{ name: 'parrot', image, command: ['sh', '-c', code], stdin: true }],
        terminationGracePeriodSeconds: 1,
      },
    };
    await ok('run', 'parrot', `--image=${image}`, `--overrides=${JSON.stringify(overrides)}`);
    await ok('wait', '--for=condition=Ready', 'pod/parrot', '--timeout=60s');
    const id = await ok('get', 'pod', 'parrot', '-o', 'jsonpath={.status.containerStatuses[0].containerID}');
    await greet('parrot', 'before');
    await cluster.signal('SIGKILL');
    await cluster.up();
    await until(async () => (await cluster.kubectl(['exec', 'parrot', '--', 'true'])).status === 0, {
      what: 'sessions to be served again',
      timeoutMs: 30_000,
    });
    await greet('parrot', 'after');
    expect(await ok('get', 'pod', 'parrot', '-o', 'jsonpath={.status.containerStatuses[0].containerID}')).toBe(id);
    expect(await ok('logs', 'parrot')).toMatch(/you said before\n[^]*you said after\n/);
  }, 120_000);

  it('runs a pod with -i to its end, and removes it', async () => {
    const args = [
      'run',
      'once',
      '-i',
      '--rm',
      '--restart=Never',
      `--image=${image}`,
      '--quiet',
      '--pod-running-timeout=1m',
    ];
    const once = kubectl(...args, '--command', '--', 'sh', '-c', 'read -r x; echo "got $x"; exit 0');
    once.child.stdin.end('line\n');
    expect(await once.ended).toBe(0);
    expect(once.output).toContain('got line');
    expect((await cluster.kubectl(['get', 'pod', 'once'])).stderr).toContain('NotFound');
  }, 90_000);

  it('debugs a running pod with an ephemeral container that sees its processes', async () => {
    const args = ['debug', 'parrot', `--image=${image}`, '--target=parrot', '-c', 'looker', '--profile=general', '--'];
    await ok(...args, 'sh', '-c', 'cat /proc/1/cmdline; echo; echo looked; sleep 600');
    const status = 'jsonpath={.status.ephemeralContainerStatuses[?(@.name=="looker")].state.running.startedAt}';
    await until(async () => (await ok('get', 'pod', 'parrot', '-o', status)) !== '', {
      what: 'looker to run',
      timeoutMs: 30_000,
    });
    await until(async () => (await ok('logs', 'parrot', '-c', 'looker')).includes('looked'), { what: 'its log' });
    expect(await ok('logs', 'parrot', '-c', 'looker')).toContain('while read -r word');
    expect(await ok('exec', 'parrot', '-c', 'looker', '--', 'cat', '/proc/1/cmdline')).toContain('while read -r word');
  }, 90_000);

  it('forwards a port to a server on the loopback of the pod', async () => {
    const server = 'require("http").createServer((q,r)=>r.end("ahoy")).listen(8080,"127.0.0.1")';
    const overrides = {
      spec: { containers: [{ name: 'web', image, command: ['node', '-e', server] }], terminationGracePeriodSeconds: 1 },
    };
    await ok('run', 'web', `--image=${image}`, `--overrides=${JSON.stringify(overrides)}`);
    await ok('wait', '--for=condition=Ready', 'pod/web', '--timeout=60s');
    const forward = kubectl('port-forward', 'pod/web', ':8080', '--address=127.0.0.1');
    const port = await until(() => /127\.0\.0\.1:(\d+) ->/.exec(forward.output)?.[1], {
      what: () => `a port in: ${forward.output}`,
    });
    const answer = await until(() => fetch(`http://127.0.0.1:${port}`).then((response) => response.text()), {
      what: 'an answer',
    });
    expect(answer).toBe('ahoy');
  }, 90_000);
});
