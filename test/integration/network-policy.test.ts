/** Network policies on a real node, with real containers. */
import { describe, expect, it } from '@jest/globals';
import { http, once, sh, steady } from '../conformance/support/real/containers.ts';
import { realNode } from '../conformance/support/real/real-node.ts';
import type { RunResult } from '../support/cluster.ts';
import type { RealPod } from '../conformance/support/real/real-pod.ts';

const node = realNode();
const policies = '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies';

async function policy(name: string, spec: object): Promise<void> {
  const body = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name }, spec };
  await node.api.ask('POST', policies, body);
}

/** Prints `passed` or `refused` for each try; the address comes as the variable of the service. */
const tries = (count: number, allowFailure = true): object => ({
  name: 'c',
  image: 'timonel.local/node:host',
  command: [
    'node',
    '-e',
    `const { connect } = require('node:net');
     let passed = false;
     const one = () => new Promise((resolve) => {
       const socket = connect({ host: process.env.SERVER_SERVICE_HOST, port: 80, timeout: 1000 });
       const end = (word) => { socket.destroy(); passed ||= word === 'passed'; console.log(word); resolve(); };
       socket.on('connect', () => end('passed')).on('timeout', () => end('refused')).on('error', () => end('refused'));
     });
     (async () => { for (let left = ${count}; left > 0; left--) await one(); process.exit(passed || ${allowFailure} ? 0 : 1); })();`,
  ],
});

describe('network policies', () => {
  node.object('Service', 'server', {
    spec: { selector: { app: 'server' }, ports: [{ port: 80, targetPort: 8080 }] },
  });
  const server = node.pod('server', steady(http({ readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 } })), {
    labels: { app: 'server' },
  });

  it('hold for the first packet of a pod, through services, and let pass whom they name', async () => {
    await server.ready();
    // The service takes a moment to know of it.
    const open = node.later('open', steady(tries(1, false), { restartPolicy: 'OnFailure' }));
    await open.create();
    expect(await open.output()).toBe('passed\n');
    await policy('server', {
      podSelector: { matchLabels: { app: 'server' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { role: 'friend' } } }], ports: [{ port: 8080 }] }],
    });
    await policy('caged', { podSelector: { matchLabels: { role: 'caged' } }, policyTypes: ['Egress'] });
    const client = (role: string, count: number): RealPod => node.later(role, once(tries(count)), { labels: { role } });
    const [friend, stranger, caged] = [client('friend', 1), client('stranger', 2), client('caged', 2)];
    await Promise.all([friend, stranger, caged].map(async (pod) => pod.create()));
    expect(await friend.output()).toBe('passed\n');
    expect(await stranger.output()).toBe('refused\nrefused\n');
    expect(await caged.output()).toBe('refused\nrefused\n');
    // What is said about a connection is what became of it.
    const waiting = ['friend', 'stranger', 'caged'].map((role) =>
      node.later(`${role}-waits`, steady(sh('exec sleep 3600')), { labels: { role } }),
    );
    await Promise.all(waiting.map((pod) => pod.create()));
    await Promise.all(waiting.map((pod) => pod.ready()));
    const said = (from: string, ...more: string[]): Promise<RunResult> =>
      node.cluster.timonel('why', `pod/${from}`, '--to', 'service/server:80', ...more);
    expect(JSON.parse((await said('friend-waits', '-o', 'json')).stdout)).toMatchObject({
      outcome: 'passes',
      paths: [{ pod: 'default/server', rules: [{ policies: [] }, { by: 'default/server', enforced: true }] }],
      nodes: [
        {
          node: 'node-1',
          ready: true,
          proxy: { implementation: 'nftables', current: true },
          policies: { implementation: 'nftables', current: true },
        },
      ],
    });
    expect((await said('stranger-waits')).stdout).toContain('may not receive it: none of default/server allows it');
    expect((await said('caged-waits')).stdout).toContain('may not send it: none of default/caged allows it');
    const { status, stderr } = await said('nobody');
    expect([status, stderr]).toEqual([1, expect.stringContaining('pods "nobody" not found')]);
    // Probes of the node go on.
    expect((await server.ready())['status'].containerStatuses[0]).toMatchObject({ ready: true, restartCount: 0 });
    await node.api.ask('DELETE', `${policies}/server`);
    const again = node.later('again', once(tries(1)));
    await again.create();
    expect(await again.output()).toBe('passed\n');
  });
});
