/** Names of the cluster as the containers of a real node resolve them, by the resolver of their C library and by queries of their own. */
import { describe, expect, it } from '@jest/globals';
import { once, sh, steady } from './support/real/containers.ts';
import { realNode } from './support/real/real-node.ts';
import type { RealPod } from './support/real/real-pod.ts';

const node = realNode();

interface Queries {
  readonly [key: string]: readonly [
    method: 'lookup' | 'resolve4' | 'resolveSrv' | 'resolveCname' | 'reverse',
    name: string,
  ];
}

/** Asks until everything has an answer (services and endpoints come by and by), and prints `key=answer`. */
const asking = (queries: Queries): string => `
const dns = require('node:dns').promises;
const one = async ([key, [method, name]]) => {
  for (;;) {
    try {
      const answer = await dns[method](process.env[name] ?? name);
      return key + '=' + JSON.stringify(Array.isArray(answer) ? answer : answer.address);
    } catch { await new Promise((next) => setTimeout(next, 100)); }
  }
};
Promise.all(Object.entries(${JSON.stringify(queries)}).map(one)).then((lines) => console.log(lines.join('\\n')));
`;
const asks = (queries: Queries): object => ({
  name: 'c',
  image: 'timonel.local/node:host',
  command: ['node', '-e', asking(queries)],
});

async function answers(pod: RealPod): Promise<Record<string, unknown>> {
  const values = await pod.values();
  return Object.fromEntries(Object.entries(values).map(([key, text]) => [key, JSON.parse(text) as unknown]));
}

async function addressOf(service: string): Promise<string> {
  const { spec } = await node.api.ask('GET', `/api/v1/namespaces/default/services/${service}`);
  return spec.clusterIP as string;
}

const selector = { dns: 'backend' };
const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
const domain = 'default.svc.cluster.local';

describe('network: DNS', () => {
  node.object('Service', 'plain', { spec: { selector, ports } });
  node.object('Service', 'headless', { spec: { selector, ports, clusterIP: 'None' } });
  node.object('Service', 'outside', { spec: { type: 'ExternalName', externalName: 'first.example.com' } });
  const backend = node.pod('backend', steady(sh('exec sleep 3600'), { hostname: 'host-1', subdomain: 'headless' }), {
    labels: selector,
  });

  const cluster = node.pod(
    'cluster',
    once(asks({ api: ['lookup', 'kubernetes.default'], whole: ['resolve4', 'kubernetes.default.svc.cluster.local'] })),
  );
  const services = node.pod(
    'services',
    once(
      asks({
        plain: ['resolve4', `plain.${domain}`],
        headless: ['resolve4', `headless.${domain}`],
        service: ['resolveSrv', `_http._tcp.plain.${domain}`],
        endpoints: ['resolveSrv', `_http._tcp.headless.${domain}`],
        reverse: ['reverse', 'PLAIN_SERVICE_HOST'],
      }),
    ),
  );
  const partial = node.pod(
    'partial',
    once(asks({ one: ['lookup', 'plain'], two: ['lookup', 'plain.default'], three: ['lookup', 'plain.default.svc'] })),
  );
  const named = node.pod(
    'named',
    once(asks({ host: ['lookup', 'host-1.headless'], whole: ['resolve4', `host-1.headless.${domain}`] })),
  );
  const watching = node.pod(
    'watching',
    steady({
      ...asks({}),
      command: [
        'node',
        '-e',
        `const dns = require('node:dns').promises;
         let last = '';
         setInterval(async () => {
           const found = await dns.resolveCname('outside.${domain}').catch(() => dns.resolve4('outside.${domain}')).catch(() => []);
           if (found.length > 0 && found[0] !== last) console.log('now ' + (last = found[0]));
         }, 100);`,
      ],
    }),
  );
  const custom = node.pod(
    'custom',
    once(sh('cat /etc/resolv.conf'), {
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['192.0.2.53'], searches: ['own.example'], options: [{ name: 'ndots', value: '2' }] },
    }),
  );
  const first = node.pod('first', once(sh('cat /etc/resolv.conf')));
  const hosts = node.pod(
    'hosts',
    once(sh('cat /etc/hosts; hostname -f'), { hostname: 'host-2', subdomain: 'headless' }),
  );

  it('the API is found by its name in the cluster', async () => {
    const api = await addressOf('kubernetes');
    expect(await answers(cluster)).toEqual({ api, whole: [api] });
  });
  it('services have addresses, headless ones those of their pods, and SRV records for named ports', async () => {
    const address = (await backend.ready())['status'].podIP as string;
    expect(await answers(services)).toEqual({
      plain: [await addressOf('plain')],
      headless: [address],
      service: [{ name: `plain.${domain}`, port: 80, priority: 0, weight: 100 }],
      endpoints: [{ name: `host-1.headless.${domain}`, port: 8080, priority: 0, weight: 100 }],
      reverse: [`plain.${domain}`],
    });
  });
  it('partial names are completed by the search path', async () => {
    const one = await addressOf('plain');
    expect(await answers(partial)).toEqual({ one, two: one, three: one });
    expect(await first.output()).toMatch(
      /^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local.*\nnameserver 10\.[\d.]+\.1\noptions ndots:5\n$/,
    );
  });
  it('a pod is found by its hostname and subdomain', async () => {
    const address = (await backend.ready())['status'].podIP as string;
    expect(await answers(named)).toEqual({ host: address, whole: [address] });
  });
  it('an ExternalName is another name, changes, and becomes an address with the type', async () => {
    await watching.untilLogs(/now first\.example\.com/);
    await node.change('Service', 'outside', { spec: { externalName: 'second.example.com' } });
    await watching.untilLogs(/now second\.example\.com/);
    const spec = { type: 'ClusterIP', externalName: null, ports };
    await node.change('Service', 'outside', { spec });
    await watching.untilLogs(new RegExp(`now ${await addressOf('outside')}`));
  });
  it('dnsConfig alone counts with the policy None', async () => {
    expect(await custom.output()).toBe('search own.example\nnameserver 192.0.2.53\noptions ndots:2\n');
  });
  it('the hosts file has the pod’s own names', async () => {
    const { podIP } = (await hosts.untilPhase('Succeeded'))['status'] as { podIP: string };
    const name = `host-2.headless.${domain}`;
    expect(await hosts.output()).toContain(`${podIP}\t${name}\thost-2\n`);
  });
});
