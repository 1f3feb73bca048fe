/** Three masters and two nodes: whatever fails, what was acknowledged stays, and pods go on. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { kubernetesTools } from '../support/kubectl.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { kubectl, startAgent, startMaster, type Agent, type Master } from './bed/cluster.ts';
import { reignsOf, storeLeader } from './bed/master-log.ts';
import type { Machine } from './bed/machine.ts';

jest.setTimeout(300_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const patience = { timeoutMs: 90_000 };
const apiPort = 6443;

/** Tells its name and when it started, asks another, ends when told to. */
const serve = `
const began = Date.now();
require('node:http')
  .createServer((request, response) => {
    if (request.url === '/crash') process.exit(3);
    if (request.url === '/') return response.end(process.env.POD + ' ' + began);
    fetch('http:/' + request.url)
      .then((answer) => answer.text())
      .then((text) => response.end(text), () => response.destroy());
  })
  .listen(8080, '0.0.0.0');
process.on('SIGTERM', () => process.exit(0));
`;
const container = {
  name: 'app',
  image: 'timonel.local/node:host',
  command: ['node', '-e', serve],
  env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
};
const podSpec = { terminationGracePeriodSeconds: 1, containers: [container] };
const web = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 4,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: podSpec },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  },
];
const pinned = (name: string, nodeName: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { ...podSpec, nodeName },
});
const configMap = (name: string): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
const hundred = Array.from({ length: 100 }, (_, at) => configMap(`one-of-hundred-${at}`));
const manifest = (objects: readonly object[]): string =>
  objects.map((object) => JSON.stringify(object)).join('\n---\n');

interface Shown {
  readonly name: string;
  readonly node: string;
  readonly address: string;
  readonly containerID: string;
  readonly restartCount: number;
}

suite(`three masters${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let masters: Master[] = [];
  let agents: Agent[] = [];
  let service: string;
  const kills: { master: string; at: number }[] = [];

  const nodes = (): readonly Machine[] => agents.map(({ machine }) => machine);
  const othersThan = (...some: Master[]): Master[] => masters.filter((each) => !some.includes(each));
  const anyBut = (...some: Master[]): Master => othersThan(...some)[0] as Master;

  async function ask(master: Master, args: readonly string[], objects: readonly object[] = []): Promise<string> {
    const { status, stdout, stderr } = await kubectl(bed, master, args, { input: manifest(objects) });
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')} at ${master.machine.name}: ${stderr}`);
    return stdout;
  }

  async function kill(master: Master): Promise<void> {
    await master.process.kill9();
    kills.push({ master: master.machine.name, at: Date.now() });
  }

  async function startAgain(master: Master): Promise<void> {
    const again = await startMaster(master.machine);
    masters = masters.map((each) => (each === master ? again : each));
  }

  /** The pods of the Deployment; throws unless there are so many and all are ready. */
  async function pods(master: Master, count: number): Promise<Shown[]> {
    const list = JSON.parse(await ask(master, ['get', 'pods', '-l', 'app=web', '-o', 'json'])) as {
      items: {
        metadata: { name: string };
        spec: { nodeName: string };
        status: {
          podIP: string;
          containerStatuses?: { ready: boolean; containerID: string; restartCount: number }[];
        };
      }[];
    };
    const shown = list.items.flatMap(({ metadata, spec, status }) => {
      const [app] = status.containerStatuses ?? [];
      if (app?.ready !== true) return [];
      const { containerID, restartCount } = app;
      return [{ name: metadata.name, node: spec.nodeName, address: status.podIP, containerID, restartCount }];
    });
    if (shown.length === count && list.items.length === count) return shown;
    throw new Error(`${shown.length} of ${list.items.length} pods are ready, not ${count}`);
  }
  const readyPods = (master: Master, count: number): Promise<Shown[]> =>
    until(() => pods(master, count), { what: `${count} ready pods`, ...patience });

  /** From a machine, over HTTP. */
  async function fetchFrom(machine: Machine, url: string): Promise<string> {
    const code = `fetch(process.argv[1], { signal: AbortSignal.timeout(3000) }).then((r) => r.text()).then(console.log, () => process.exit(1))`;
    const { status, stdout } = await machine.exec(process.execPath, ['-e', code, url]);
    if (status !== 0) throw new Error(`${url} does not answer on ${machine.name}`);
    return stdout.trim();
  }

  /** Of each node, what the service answers there. */
  const serviceAnswers = (): Promise<string[]> =>
    Promise.all(nodes().map((node) => until(() => fetchFrom(node, service), { what: 'the service', ...patience })));

  /** Names of masters that the node has connections to. */
  async function mastersOf(node: Machine): Promise<Master[]> {
    const sockets = await node.mustExec('ss', ['-Htn', 'state', 'established', `dport = :${apiPort}`]);
    return masters.filter(({ machine }) => sockets.includes(`${machine.address}:${apiPort}`));
  }

  const leaseHolder = async (master: Master): Promise<string> =>
    ask(master, [
      'get',
      'lease',
      '-n',
      'kube-system',
      'timonel-control-plane',
      '-o',
      'jsonpath={.spec.holderIdentity}',
    ]);

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 3, nodes: 2 });
    const first = await startMaster(bed.machine('m1'));
    masters = [first];
    for (const name of ['m2', 'm3']) masters.push(await startMaster(bed.machine(name), { join: first }));
    agents = await Promise.all(['n1', 'n2'].map((name) => startAgent(bed.machine(name), { masters })));
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  it('run pods on both nodes, which reach each other and share a service', async () => {
    const [first] = masters as [Master, Master, Master];
    await ask(first, ['apply', '-f', '-'], web);
    const shown = await readyPods(first, 4);
    expect(new Set(shown.map(({ node }) => node))).toEqual(new Set(['n1', 'n2']));
    for (const from of shown) {
      for (const to of shown) {
        const node = bed.machine(from.node);
        expect(await fetchFrom(node, `http://${from.address}:8080/${to.address}:8080/`)).toMatch(`${to.name} `);
      }
    }
    service = `http://${await ask(first, ['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}'])}/`;
    const names = shown.map(({ name }) => name);
    for (const answer of await serviceAnswers()) expect(names).toContain(answer.split(' ')[0]);
  });

  it('lose no object that kubectl reported, when the leader of the store is killed during an apply', async () => {
    const leader = await storeLeader(masters);
    const { kubectl: program } = await kubernetesTools();
    const { kubeconfig, url } = anyBut(leader);
    const apply = ['--kubeconfig', kubeconfig, '--server', url, 'apply', '-f', '-'];
    const applying = await bed.client.spawn(program, apply, { input: manifest(hundred) });
    await applying.says('one-of-hundred-20 created');
    await kill(leader);
    await applying.ended;
    const reported = [...applying.stdout.matchAll(/^(configmap\/\S+) (?:created|configured|unchanged)$/gm)].map(
      ([, name]) => name,
    );
    expect(reported.length).toBeGreaterThan(20);
    await startAgain(leader);
    for (const master of masters) {
      const there = (await ask(master, ['get', 'configmaps', '-o', 'name'])).split('\n');
      expect({ lost: reported.filter((name) => !there.includes(name ?? '')) }).toEqual({ lost: [] });
    }
    await ask(anyBut(leader), ['apply', '-f', '-'], hundred);
    for (const master of masters) {
      const there = (await ask(master, ['get', 'configmaps', '-o', 'name'])).split('\n');
      expect(there.filter((name) => name.includes('one-of-hundred'))).toHaveLength(100);
    }
  });

  it('are all known to the agents, which turn to another when the link to one is cut', async () => {
    const node = bed.machine('n1');
    const used = await until(async () => (await mastersOf(node)).slice(0, 2), {
      what: 'connections of the agent to masters',
    });
    await Promise.all(used.map(({ machine }) => bed.cut(node.name, machine.name)));
    const other = anyBut(...used);
    await ask(other, ['apply', '-f', '-'], [pinned('after-cut', 'n1')]);
    await ask(other, ['wait', '--for=condition=Ready', 'pod/after-cut', '--timeout=60s']);
    await ask(other, ['delete', 'pod', 'after-cut', '--timeout=60s']);
    expect(await mastersOf(node)).toContain(other);
    await bed.heal();
  });

  it('have one whose controllers and scheduler work, and another when it is killed', async () => {
    const holder = await leaseHolder(masters[0] as Master);
    const working = masters.find(({ machine }) => machine.name === holder) as Master;
    const other = anyBut(working);
    await kill(working);
    await ask(other, ['scale', 'deployment', 'web', '--replicas=6', '--timeout=60s']);
    await readyPods(other, 6);
    expect(await leaseHolder(other)).not.toBe(holder);
    await startAgain(working);
  });

  it('may all be killed: pods and services go on, and what crashes is restarted', async () => {
    const shown = await readyPods(masters[0] as Master, 6);
    await Promise.all(masters.map(kill));
    const crashed = shown.find(({ node }) => node === 'n2') as Shown;
    const own = `http://${crashed.address}:8080`;
    const since = await fetchFrom(bed.machine('n2'), own);
    await fetchFrom(bed.machine('n2'), `${own}/crash`).catch(() => undefined);
    const restarted = async (): Promise<boolean> => (await fetchFrom(bed.machine('n2'), own)) !== since;
    await until(restarted, { what: 'the crashed container to serve again', ...patience });
    const names = shown.map(({ name }) => name);
    for (const answer of await serviceAnswers()) expect(names).toContain(answer.split(' ')[0]);
    const [a, b] = ['n1', 'n2'].map((name) => shown.find(({ node }) => node === name)) as [Shown, Shown];
    const across = `http://${a.address}:8080/${b.address}:8080/`;
    expect(await fetchFrom(bed.machine('n1'), across)).toMatch(`${b.name} `);

    await Promise.all(masters.map(startAgain));
    const [first] = masters as [Master, Master, Master];
    await ask(first, ['wait', '--for=condition=Ready', 'node/n1', 'node/n2', '--timeout=90s']);
    const counted = async (): Promise<Shown[] | undefined> => {
      const now = await pods(first, 6);
      return now.some(({ restartCount }) => restartCount > 0) ? now : undefined;
    };
    const after = await until(counted, { what: 'the restart to be reported', ...patience });
    const calm = (all: readonly Shown[]): readonly Shown[] => all.filter(({ name }) => name !== crashed.name);
    expect(calm(after)).toEqual(calm(shown));
    expect(after.find(({ name }) => name === crashed.name)).toMatchObject({
      restartCount: 1,
      address: crashed.address,
    });
    await ask(first, ['apply', '-f', '-'], [configMap('after-all')]);
    for (const master of masters) await ask(master, ['get', 'configmap', 'after-all']);
  });

  it('never had two at once whose controllers worked', () => {
    const reigns = reignsOf(masters, kills);
    expect(new Set(reigns.map(({ master }) => master)).size).toBeGreaterThan(1);
    const overlaps = reigns.filter(({ from }, at) => reigns.slice(0, at).some(({ to }) => to > from));
    expect({ overlaps, reigns }).toEqual({ overlaps: [], reigns });
  });
});
