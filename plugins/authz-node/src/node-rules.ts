/** What nodes may do whichever node they are, and for which requests it matters which. Source: Kubernetes' node authoriser. */
import type { AccessAttributes } from '@timonel/sdk/contracts/api-server';
import { joinPaths } from '@timonel/sdk/join';
import { ruleAllows, type PolicyRule } from '@timonel/sdk/kube';
import type { NodeGraph } from './node-graph.ts';

const read = ['get', 'list', 'watch'];
const change = ['update', 'patch'];
const rule = (verbs: string[], group: string, ...resources: string[]): PolicyRule => ({
  verbs,
  apiGroups: [group],
  resources,
});

/** Of the cluster as a whole: what routes, services, names and policies of a node are made from; and what only admission judges. */
const ofAllNodes: readonly PolicyRule[] = [
  rule(read, '', 'services', 'endpoints', 'namespaces', 'nodes'),
  rule(read, 'discovery.k8s.io', 'endpointslices'),
  rule(read, 'networking.k8s.io', 'networkpolicies', 'servicecidrs'),
  rule(read, 'node.k8s.io', 'runtimeclasses'),
  rule(read, 'storage.k8s.io', 'storageclasses', 'csidrivers', 'csistoragecapacities'),
  rule(read, '', 'persistentvolumes', 'persistentvolumeclaims'),
  rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
  rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews', 'localsubjectaccessreviews'),
  rule(['create', ...change], '', 'events'),
  rule(['create', ...change], 'events.k8s.io', 'events'),
  rule(['create', ...read], 'certificates.k8s.io', 'certificatesigningrequests'),
  // Which object it is, is seen at admission.
  rule(['create'], '', 'nodes', 'pods', 'persistentvolumes', 'namespaces'),
  rule([...change, 'delete'], '', 'persistentvolumes'),
  rule(change, '', 'persistentvolumeclaims'),
  rule(['create'], 'storage.k8s.io', 'csinodes', 'storageclasses'),
  rule(['create', ...change, 'delete'], 'storage.k8s.io', 'csistoragecapacities'),
  rule(['create'], 'coordination.k8s.io', 'leases'),
  rule(['create'], 'resource.k8s.io', 'resourceslices'),
  { verbs: ['get'], nonResourceURLs: [joinPaths.servers] },
  // Answered by what the node's certificate says.
  { verbs: ['post'], nonResourceURLs: [joinPaths.renew] },
];

export interface NodeRules {
  readonly graph: NodeGraph;
  /** Whether nodes may read pods that run elsewhere. */
  readonly readsAllPods: boolean;
}

type Judge = (node: string, attributes: AccessAttributes, rules: NodeRules) => boolean;

const isRead = (verb: string): boolean => read.includes(verb);
const isChange = (verb: string): boolean => change.includes(verb);

/** An object that the node's own name names. */
const ownName =
  (verbs: readonly string[]): Judge =>
  (node, { verb, name }) =>
    verbs.includes(verb) && name === node;

const needed =
  (resource: 'secrets' | 'configmaps' | 'serviceaccounts'): Judge =>
  (node, { verb, namespace, name }, { graph }) =>
    isRead(verb) && name !== '' && graph.needs(node, resource, namespace, name);

const selectsOwnPods = (node: string, selector: string | undefined): boolean =>
  selector !== undefined && !selector.includes('\\') && selector.split(',').includes(`spec.nodeName=${node}`);

const podJudge: Judge = (node, { verb, namespace, name, fieldSelector }, { graph, readsAllPods }) => {
  if (verb === 'delete') return graph.hasPod(node, namespace, name);
  if (!isRead(verb)) return false;
  if (readsAllPods || selectsOwnPods(node, fieldSelector)) return true;
  // A pod that is gone is nobody's: its node may see that.
  return name !== '' && (graph.hasPod(node, namespace, name) || graph.pod(namespace, name) === undefined);
};

/** By `group/resource/subresource`. */
const judges: Readonly<Record<string, Judge>> = {
  '/nodes/': ownName(change),
  '/nodes/status': ownName(change),
  '/pods/': podJudge,
  '/pods/status': (node, { verb, namespace, name }, { graph }) => isChange(verb) && graph.hasPod(node, namespace, name),
  '/pods/eviction': (node, { verb, namespace, name }, { graph }) =>
    verb === 'create' && graph.hasPod(node, namespace, name),
  '/secrets/': needed('secrets'),
  '/configmaps/': needed('configmaps'),
  '/serviceaccounts/': needed('serviceaccounts'),
  '/serviceaccounts/token': (node, { verb, namespace, name }, { graph }) =>
    verb === 'create' && graph.needs(node, 'serviceaccounts', namespace, name),
  '/persistentvolumeclaims/status': (node, { verb, namespace, name }, { graph }) =>
    isChange(verb) && graph.needs(node, 'persistentvolumeclaims', namespace, name),
  'coordination.k8s.io/leases/': (node, { verb, namespace, name }) =>
    namespace === 'kube-node-lease' && name === node && (isChange(verb) || verb === 'get' || verb === 'delete'),
  'storage.k8s.io/csinodes/': ownName(['get', ...change, 'delete']),
  'storage.k8s.io/volumeattachments/': (node, { verb, name }, { graph }) =>
    verb === 'get' && graph.isAttachmentOf(node, name),
};

export function nodeMay(node: string, attributes: AccessAttributes, rules: NodeRules): boolean {
  if (ofAllNodes.some((one) => ruleAllows(one, attributes))) return true;
  if (attributes.path !== undefined) return false;
  const { group, resource, subresource } = attributes;
  const key = `${group}/${resource}/${subresource}`;
  return Object.hasOwn(judges, key) && (judges[key]?.(node, attributes, rules) ?? false);
}
