import { Option, type Command } from 'commander';
import type { Traffic, Why } from '@timonel/sdk/contracts/why';
import { callCluster } from '../cluster/remote.ts';
import { CliError, exitCodes } from '../errors.ts';
import { trafficText } from '../output/traffic-text.ts';
import { whyText } from '../output/why-text.ts';
import { accessOf, print, withAccess, type AccessFlags } from './access.ts';
import { trafficPath } from './why-traffic.ts';

const base = '/apis/why.timonel.dev/v1';

/** The resource as the API names it, then what people call it. */
const names: readonly (readonly string[])[] = [
  ['pods', 'pod', 'po'],
  ['nodes', 'node', 'no'],
  ['namespaces', 'namespace', 'ns'],
  ['services', 'service', 'svc'],
  ['persistentvolumes', 'persistentvolume', 'pv'],
  ['persistentvolumeclaims', 'persistentvolumeclaim', 'pvc'],
  ['replicationcontrollers', 'replicationcontroller', 'rc'],
  ['deployments.apps', 'deployments', 'deployment', 'deploy'],
  ['replicasets.apps', 'replicasets', 'replicaset', 'rs'],
  ['statefulsets.apps', 'statefulsets', 'statefulset', 'sts'],
  ['daemonsets.apps', 'daemonsets', 'daemonset', 'ds'],
  ['jobs.batch', 'jobs', 'job'],
  ['cronjobs.batch', 'cronjobs', 'cronjob', 'cj'],
  ['horizontalpodautoscalers.autoscaling', 'horizontalpodautoscalers', 'horizontalpodautoscaler', 'hpa'],
  ['ingresses.networking.k8s.io', 'ingresses', 'ingress', 'ing'],
  ['gateways.gateway.networking.k8s.io', 'gateways', 'gateway', 'gtw'],
  ['httproutes.gateway.networking.k8s.io', 'httproutes', 'httproute'],
  ['grpcroutes.gateway.networking.k8s.io', 'grpcroutes', 'grpcroute'],
  ['resourcequotas', 'resourcequota', 'quota'],
  ['poddisruptionbudgets.policy', 'poddisruptionbudgets', 'poddisruptionbudget', 'pdb'],
  [
    'validatingadmissionpolicies.admissionregistration.k8s.io',
    'validatingadmissionpolicies',
    'validatingadmissionpolicy',
  ],
];
const plurals: ReadonlyMap<string, string> = new Map(
  names.flatMap(([resource = '', ...others]) => others.map((other) => [other, resource])),
);
const clusterScoped: ReadonlySet<string> = new Set([
  'nodes',
  'namespaces',
  'persistentvolumes',
  'validatingadmissionpolicies.admissionregistration.k8s.io',
]);

interface WhyFlags extends AccessFlags {
  readonly namespace: string;
  readonly to?: string;
  readonly toNamespace?: string;
  readonly protocol: string;
}

interface Target {
  readonly resource: string;
  readonly name: string;
}

/** `pod web-0` or `pod/web-0`. @throws CliError */
export function targetOf(kind: string, name: string | undefined): Target {
  const parts = name === undefined ? kind.split('/') : [kind, name];
  const [type = '', object = ''] = parts;
  if (parts.length !== 2 || type === '' || object === '' || `${type}${object}`.includes('/')) {
    throw new CliError(
      'Which object? Name it like `timonel why pod web-0` or `timonel why pod/web-0`.',
      exitCodes.usage,
    );
  }
  const lower = type.toLowerCase();
  return { resource: plurals.get(lower) ?? lower, name: object };
}

export function pathOf({ resource, name }: Target, namespace: string): string {
  const object = `${encodeURIComponent(resource)}/${encodeURIComponent(name)}`;
  return clusterScoped.has(resource)
    ? `${base}/${object}`
    : `${base}/namespaces/${encodeURIComponent(namespace)}/${object}`;
}

export function addWhy(program: Command): void {
  withAccess(
    program
      .command('why <kind> [name]')
      .description(
        'Tell why an object is in its state: why a pod waits, why a roll-out does not go on, and what would help; or what would become of a connection from a pod (--to)',
      )
      .option('-n, --namespace <namespace>', 'namespace of the object', 'default')
      .option('--to <end>', 'what would become of a connection there: pod/NAME:PORT, service/NAME:PORT or ADDRESS:PORT')
      .option('--to-namespace <namespace>', 'namespace of that pod or service (default: that of --namespace)')
      .addOption(
        new Option('--protocol <protocol>', 'of that connection').choices(['TCP', 'UDP', 'SCTP']).default('TCP'),
      ),
  )
    .addHelpText(
      'after',
      '\nThe root cause comes first; nodes that refuse a pod for the same reason are one group. Of a pod that has a node, the scores of the node and of the runners-up are shown.' +
        '\n\nWith --to nothing is sent: the answer comes from the services, endpoints, network policies and nodes of the cluster, with the policies that select either end, the endpoints that a service leads to, and what their nodes have in force. The first end may also be the address of a machine. A port may have a name.' +
        '\n\nExit codes: 0 answered, 1 there is no such object, or nobody explains its kind, 2 wrong arguments, 3 no cluster answers.' +
        '\n\nExamples:\n  timonel why pod web-0\n  timonel why pod/web-0 -n shop\n  timonel why deployment web\n  timonel why pod web-0 -o json\n  timonel why pod/web-0 --to service/db:5432\n  timonel why pod/web-0 -n shop --to pod/db-0:5432 --to-namespace data -o json\n  timonel why 192.0.2.7 --to pod/web-0:8080',
    )
    .action(async (kind: string, name: string | undefined, flags: WhyFlags) => {
      if (flags.to !== undefined) {
        const from = name === undefined ? kind : `${kind}/${name}`;
        const path = trafficPath(from, { ...flags, to: flags.to });
        const traffic = await callCluster<Traffic>(accessOf(flags), 'GET', path);
        print(flags, traffic, () => trafficText(traffic, Date.now()));
        return;
      }
      const path = pathOf(targetOf(kind, name), flags.namespace);
      const why = await callCluster<Why>(accessOf(flags), 'GET', path);
      print(flags, why, () => whyText(why));
    });
}
