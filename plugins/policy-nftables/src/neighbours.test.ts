/** Where the kernel asks the rules of IP for frames on bridges, as machines with Docker have it, the policies see how neighbours find each other. */
import { existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { mustRun } from '@timonel/sdk/command';
import type { PolicyCluster, PolicyPod } from '@timonel/sdk/contracts/network-policy';
import { ask, run, serve, TestNamespaces } from '@timonel/testkit/network-namespaces';
import { policyContent } from './table/content.ts';
import { renderPolicies } from './table/render.ts';

jest.setTimeout(30_000);
const bridgeRules = '/proc/sys/net/bridge/bridge-nf-call-ip6tables';
const missing =
  process.getuid?.() !== 0
    ? 'needs root'
    : spawnSync('nft', ['--version']).status !== 0
      ? 'needs the program nft (apt-get install nftables)'
      : existsSync(bridgeRules)
        ? undefined
        : 'needs the kernel module br_netfilter';

const podOf = (app: string, address: string): PolicyPod => ({
  key: `n/${app}`,
  uid: app,
  namespace: 'n',
  labels: { app },
  addresses: [address],
  nodeName: 'node',
  namedPorts: new Map(),
});
const pods = ['a', 'b'].map((app, index) => podOf(app, `fd00:1::${index + 2}`));
const toPort = (port: number): object => ({ ports: [{ port }] });
const cluster: PolicyCluster = {
  namespaces: new Map([['n', {}]]),
  pods,
  policies: [
    {
      metadata: { namespace: 'n', name: 'p' },
      spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [toPort(8080)], egress: [toPort(8080)] },
    },
  ],
};

const title = 'policies and IPv6 neighbours on a bridge';
(missing === undefined ? describe : describe.skip)(missing === undefined ? title : `${title} (${missing})`, () => {
  const namespaces = new TestNamespaces();
  const servers: { close(): Promise<void> }[] = [];
  let node: string;
  let inside: string[];

  const on = (path: string, ...lines: string[]): Promise<unknown> =>
    run('nsenter', [`--net=${path}`, 'sh', '-ec', lines.join('\n')]);

  beforeAll(async () => {
    node = await namespaces.make();
    inside = [await namespaces.make(), await namespaces.make()];
    await on(node, 'ip link add br0 type bridge forward_delay 0', 'ip link set br0 up', `echo 1 > ${bridgeRules}`);
    for (const [index, path] of inside.entries()) {
      const link = `ip link add v${index} type veth peer name eth0 netns ${path}`;
      await on(node, link, `ip link set v${index} master br0 up`);
      const address = `ip addr add ${pods[index]?.addresses[0]}/64 dev eth0 nodad`;
      await on(path, address, 'ip link set eth0 up');
      for (const port of [8080, 8081]) servers.push(await serve(path, '::', port));
    }
    const text = renderPolicies(policyContent(cluster, pods), 'under_test');
    await mustRun('nsenter', [`--net=${node}`, 'nft', '-f', '-'], text);
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await namespaces.close();
  });

  it('find each other whatever the policies are, and reach nothing but what these allow', async () => {
    const [from = ''] = inside;
    expect(await ask(from, 'fd00:1::3', 8080)).toBe('fd00:1::2');
    expect(await ask(from, 'fd00:1::3', 8081)).toBe('timeout');
  });
});
