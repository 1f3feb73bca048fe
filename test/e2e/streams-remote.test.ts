/** Sessions, forwarded ports and proxies through each of three masters to a node on another machine. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { kubernetesTools } from '../support/kubectl.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { kubectl, startAgent, startMaster, type Agent, type Master } from './bed/cluster.ts';

jest.setTimeout(240_000);
const suite = bedMissing === undefined ? describe : describe.skip;

const program = `
require('http').createServer((request, answer) => {
  let bytes = 0;
  request.on('data', (chunk) => (bytes += chunk.length)).on('end', () => answer.end(request.url + ' ' + bytes));
}).listen(8080);`;
const manifest = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web' },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'web', image: 'timonel.local/node:host', command: ['node', '-e', program] }],
  },
});
/** Sends 5 MB to the port and prints the answer. */
const post = (port: string): string =>
  `fetch('http://127.0.0.1:${port}/through', { method: 'POST', body: Buffer.alloc(5e6) }).then((a) => a.text()).then((t) => console.log(t))`;

suite(`streams through masters to a node${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let masters: Master[];
  let agent: Agent;

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 3, nodes: 1 });
    const first = await startMaster(bed.machine('m1'));
    masters = [first];
    for (const name of ['m2', 'm3']) masters.push(await startMaster(bed.machine(name), { join: first }));
    agent = await startAgent(bed.machine('n1'), { masters });
    await kubectl(bed, first, ['apply', '-f', '-'], { input: manifest });
    const waiting = ['wait', '--for=condition=Ready', 'pod/web', '--timeout=5s'];
    await until(async () => (await kubectl(bed, first, waiting)).status === 0, {
      what: () => `the pod to be Ready: ${agent.process.output}`,
      timeoutMs: 120_000,
    });
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  describe.each([0, 1, 2])('master %d', (index) => {
    const through = (): Master => {
      const master = masters[index];
      if (master === undefined) throw new Error('this master did not start');
      return master;
    };

    it('brings output, errors and the exit code of a command, and takes stdin', async () => {
      const command = ['exec', '-i', 'web', '--', 'sh', '-c', 'cat; echo err >&2; exit 9'];
      const input = 'line\n'.repeat(200_000);
      const { status, stdout, stderr } = await kubectl(bed, through(), command, { input });
      expect([status, stdout.length, stderr]).toEqual([9, input.length, 'err\ncommand terminated with exit code 9\n']);
    });

    it('forwards a port', async () => {
      const { kubeconfig, url } = through();
      const tools = await kubernetesTools();
      const to = ['--kubeconfig', kubeconfig, '--server', url];
      const forward = await bed.client.spawn(tools.kubectl, [
        ...to,
        'port-forward',
        'pod/web',
        ':8080',
        '--address=127.0.0.1',
      ]);
      const [, port = ''] = await until(() => /127\.0\.0\.1:(\d+) ->/.exec(forward.output), {
        what: () => forward.output,
      });
      expect(await bed.client.mustExec(process.execPath, ['-e', post(port)])).toBe('/through 5000000\n');
      await forward.kill9();
    });

    it('answers for the pod and for the node by proxy', async () => {
      const raw = async (path: string): Promise<string> =>
        (await kubectl(bed, through(), ['get', '--raw', path])).stdout;
      expect(await raw('/api/v1/namespaces/default/pods/web:8080/proxy/x')).toBe('/x 0');
      expect(await raw('/api/v1/nodes/n1/proxy/healthz')).toBe('ok');
    });
  });
});
