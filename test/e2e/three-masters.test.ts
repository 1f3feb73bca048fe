/** Three masters and two nodes: whatever fails, what was acknowledged stays, and pods go on. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { kubernetesTools } from '../support/kubectl.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { startAgent, startMaster, timonel, type Master } from './bed/cluster.ts';
import { reignsOf, storeLeader } from './bed/master-log.ts';
import type { Machine } from './bed/machine.ts';
import { storeMembers } from './bed/store-admin.ts';
import {
  ask,
  configMap,
  expectService,
  fetchFrom,
  manifest,
  pinnedPod,
  readyWebPods,
  web,
  webPods,
  type WebPod,
} from './bed/web.ts';

jest.setTimeout(300_000);
const suite = bedMissing === undefined ? describe : describe.skip;
const patience = { timeoutMs: 90_000 };
const apiPort = 6443;
const hundred = Array.from({ length: 100 }, (_, at) => configMap(`one-of-hundred-${at}`));

suite(`three masters${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let masters: Master[] = [];
  let nodes: Machine[] = [];
  let service: string;
  const kills: { master: string; at: number }[] = [];

  const anyBut = (one: Master): Master => masters.find((each) => each !== one) as Master;

  async function kill(master: Master): Promise<void> {
    await master.process.kill9();
    kills.push({ master: master.machine.name, at: Date.now() });
  }

  async function startAgain(master: Master): Promise<void> {
    const again = await startMaster(master.machine);
    masters = masters.map((each) => (each === master ? again : each));
  }

  /** Masters that the node has connections to. */
  async function mastersOf(node: Machine): Promise<Master[]> {
    const sockets = await node.mustExec('ss', ['-Htn', 'state', 'established', `dport = :${apiPort}`]);
    return masters.filter(({ machine }) => sockets.includes(`${machine.address}:${apiPort}`));
  }

  async function leaseHolder(master: Master): Promise<string> {
    const lease = ['get', 'lease', '-n', 'kube-system', 'timonel-control-plane'];
    return ask(bed, master, [...lease, '-o', 'jsonpath={.spec.holderIdentity}']);
  }

  /** Both nodes reported after this moment, milliseconds since 1970, and are Ready. */
  async function nodesReady(master: Master, since: number): Promise<void> {
    const renewals = ['get', 'leases', '-n', 'kube-node-lease', '-o', 'jsonpath={.items[*].spec.renewTime}'];
    const reported = async (): Promise<boolean> => {
      const times = (await ask(bed, master, renewals)).split(' ').map((time) => Date.parse(time));
      return times.length === nodes.length && times.every((time) => time > since);
    };
    await until(reported, { what: 'both nodes to report', ...patience });
    await ask(bed, master, ['wait', '--for=condition=Ready', 'node/n1', 'node/n2', '--timeout=90s']);
  }

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ masters: 3, nodes: 2 });
    const first = await startMaster(bed.machine('m1'));
    masters = [first];
    for (const name of ['m2', 'm3']) masters.push(await startMaster(bed.machine(name), { join: first }));
    nodes = ['n1', 'n2'].map((name) => bed.machine(name));
    await Promise.all(nodes.map((node) => startAgent(node, { masters })));
  });
  afterEach(() => bed.heal());
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.includes(bed.directory))).toEqual([]);
  });

  it('run pods on both nodes, which reach each other and share a service', async () => {
    const [first] = masters as [Master, Master, Master];
    await ask(bed, first, ['apply', '-f', '-'], web);
    const pods = await readyWebPods(bed, first, 4);
    expect(new Set(pods.map(({ node }) => node))).toEqual(new Set(['n1', 'n2']));
    for (const from of pods) {
      for (const to of pods) {
        const across = `http://${from.address}:8080/${to.address}:8080/`;
        expect(await fetchFrom(bed.machine(from.node), across)).toMatch(`${to.name} `);
      }
    }
    service = `http://${await ask(bed, first, ['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}'])}/`;
    await expectService(nodes, service, pods);
  });

  it('lose no object that kubectl reported, when the leader of the store is killed during an apply', async () => {
    const leader = await storeLeader(masters);
    const { kubectl: program } = await kubernetesTools();
    const { kubeconfig, url } = anyBut(leader);
    const apply = ['--kubeconfig', kubeconfig, '--server', url, 'apply', '-f', '-'];
    const applying = await bed.client.spawn(program, apply, { input: manifest(hundred) });
    await applying.says('one-of-hundred-5 created');
    await kill(leader);
    expect(applying.stdout).not.toContain('one-of-hundred-99');
    await applying.ended;
    const reported = [...applying.stdout.matchAll(/^(configmap\/\S+) (?:created|configured|unchanged)$/gm)].map(
      ([, name = '']) => name,
    );
    expect(reported.length).toBeGreaterThan(5);
    await startAgain(leader);
    for (const master of masters) {
      const there = (await ask(bed, master, ['get', 'configmaps', '-o', 'name'])).split('\n');
      expect({ lost: reported.filter((name) => !there.includes(name)) }).toEqual({ lost: [] });
    }
    await ask(bed, anyBut(leader), ['apply', '-f', '-'], hundred);
    for (const master of masters) {
      const there = (await ask(bed, master, ['get', 'configmaps', '-o', 'name'])).split('\n');
      expect(there.filter((name) => name.includes('one-of-hundred'))).toHaveLength(100);
    }
  });

  it('are all known to the agents, which turn to another when the link to one is cut', async () => {
    const [node] = nodes as [Machine, Machine];
    const used = await until(async () => (await mastersOf(node)).slice(0, 2), {
      what: 'connections of the agent to masters',
    });
    expect(used).not.toEqual([]);
    await Promise.all(used.map(({ machine }) => bed.cut(node.name, machine.name)));
    const rest = masters.filter((master) => !used.includes(master));
    const [other] = rest as [Master];
    await ask(bed, other, ['apply', '-f', '-'], [pinnedPod('after-cut', node.name)]);
    await ask(bed, other, ['wait', '--for=condition=Ready', 'pod/after-cut', '--timeout=60s']);
    await ask(bed, other, ['delete', 'pod', 'after-cut', '--timeout=60s']);
    expect((await mastersOf(node)).some((master) => rest.includes(master))).toBe(true);
  });

  it('have one whose controllers and scheduler work, and another when it is killed', async () => {
    const holder = await leaseHolder(masters[0] as Master);
    const working = masters.find(({ machine }) => machine.name === holder) as Master;
    const other = anyBut(working);
    await kill(working);
    const scale = ['scale', 'deployment', 'web', '--replicas=6'];
    await until(() => ask(bed, other, scale), { what: 'the deployment to be scaled', ...patience });
    await readyWebPods(bed, other, 6);
    expect(await leaseHolder(other)).not.toBe(holder);
    await startAgain(working);
  });

  it('may all be killed: pods and services go on, and what crashes is restarted', async () => {
    const pods = await readyWebPods(bed, masters[0] as Master, 6);
    await Promise.all(masters.map(kill));
    const [a, b] = nodes.map(({ name }) => pods.find(({ node }) => node === name)) as [WebPod, WebPod];
    const [n1, n2] = nodes as [Machine, Machine];
    const own = `http://${b.address}:8080`;
    const since = await fetchFrom(n2, own);
    await fetchFrom(n2, `${own}/crash`).catch(() => undefined);
    const restarted = async (): Promise<boolean> => (await fetchFrom(n2, own)) !== since;
    await until(restarted, { what: 'the crashed container to serve again', ...patience });
    await expectService(nodes, service, pods);
    expect(await fetchFrom(n1, `http://${a.address}:8080/${b.address}:8080/`)).toMatch(`${b.name} `);

    const back = Date.now();
    await Promise.all(masters.map(startAgain));
    const [first] = masters as [Master, Master, Master];
    await nodesReady(first, back);
    const counted = async (): Promise<WebPod[] | undefined> => {
      const now = await webPods(bed, first, 6);
      return now.some(({ restartCount }) => restartCount > 0) ? now : undefined;
    };
    const after = await until(counted, { what: 'the restart to be reported', ...patience });
    const calm = (all: readonly WebPod[]): readonly WebPod[] => all.filter(({ name }) => name !== b.name);
    expect(calm(after)).toEqual(calm(pods));
    expect(after.find(({ name }) => name === b.name)).toMatchObject({ restartCount: 1, address: b.address });
    await ask(bed, first, ['apply', '-f', '-'], [configMap('after-all')]);
    for (const master of masters) await ask(bed, master, ['get', 'configmap', 'after-all']);
  });

  it('never had two at once whose controllers worked', () => {
    const reigns = reignsOf(masters, kills);
    expect(new Set(reigns.map(({ master }) => master)).size).toBeGreaterThan(1);
    const overlaps = reigns.filter(({ from }, at) => reigns.slice(0, at).some(({ to }) => to > from));
    expect({ overlaps, reigns }).toEqual({ overlaps: [], reigns });
  });

  it('come back from a snapshot when all stores are lost, and no pod notices', async () => {
    const [first] = masters as [Master, Master, Master];
    const { machine } = first;
    const cli = async (...args: string[]): Promise<string> => {
      const { status, stdout, stderr } = await timonel(machine, [...args, '--data-dir', machine.dataDir]);
      expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' });
      return stdout;
    };
    const members = await cli('store', 'members');
    for (const name of ['m1', 'm2', 'm3']) expect(members).toMatch(new RegExp(`\\b${name}\\b`));
    expect(JSON.parse(await cli('store', 'check', '-o', 'json'))).toMatchObject({ healthy: true });
    const snapshot = join(bed.directory, 'cluster.snapshot');
    const keys = join(bed.directory, 'keys');
    await cli('store', 'snapshot', 'save', snapshot);
    await ask(bed, first, ['apply', '-f', '-'], [configMap('after-snapshot')]);
    const pods = await readyWebPods(bed, first, 6);
    await Promise.all(masters.map(kill));
    for (const part of ['pki', join('data', 'auth-token')])
      cpSync(join(machine.dataDir, part), join(keys, part), { recursive: true });
    for (const master of masters) rmSync(master.machine.dataDir, { recursive: true });

    cpSync(keys, machine.dataDir, { recursive: true });
    await cli('store', 'snapshot', 'restore', snapshot, '--name', machine.name, '--advertise', machine.address);
    const back = Date.now();
    const restored = await startMaster(machine);
    const joined = [];
    for (const { machine: other } of masters.slice(1)) joined.push(await startMaster(other, { join: restored }));
    masters = [restored, ...joined];
    const vote = async (): Promise<boolean> =>
      (await storeMembers(bed, restored)).filter(({ learner }) => !learner).length === 3;
    await until(vote, { what: 'three members that vote', ...patience });
    await nodesReady(restored, back);
    for (const master of masters) {
      const there = await ask(bed, master, ['get', 'configmaps', '-o', 'name']);
      expect(there.match(/one-of-hundred/g)).toHaveLength(100);
      expect(there).toContain('after-all');
      expect(there).not.toContain('after-snapshot');
    }
    expect(await readyWebPods(bed, restored, 6)).toEqual(pods);
    await expectService(nodes, service, pods);
  });
});
