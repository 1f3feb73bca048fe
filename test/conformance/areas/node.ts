import { behaviour, type Line } from './behaviour.ts';

export const node: readonly Line[] = [
  {
    title: 'node: pods',
    behaviours: [
      behaviour(1, 'the address of the node', /address of their node/),
      behaviour(1, 'submitted, run and ended within the grace period', /within their grace period/),
      behaviour(1, 'new labels', /new labels/),
      behaviour(1, 'activeDeadlineSeconds', /activeDeadlineSeconds/),
      behaviour(1, 'environment variables of services', /variables of the services/),
      behaviour(1, 'commands over WebSocket', /run commands over WebSocket/),
      behaviour(1, 'logs over WebSocket', /logs over WebSocket/),
      behaviour(1, 'deletion of a collection', /as a collection/),
      behaviour(1, 'life of pods and their status', /have a life/),
      behaviour(1, 'patch of the status', /conditions of others/),
    ],
  },
  {
    title: 'node: QoS class and generation',
    behaviours: [
      behaviour(1, 'the QoS class', /class/),
      behaviour(1, 'generation starts at 1 and grows', /starts at 1/),
      behaviour(1, 'graceful deletion is a generation', /gracefully/),
      behaviour(1, '500 updates are observed', /500/),
    ],
  },
  {
    title: 'node: restart policies and termination messages',
    behaviours: [
      behaviour(1, 'phases, restarts and states by policy', /phases/),
      behaviour(1, 'message from the file', /of the file/),
      behaviour(1, 'message from the log on an error', /end of the log/),
      behaviour(1, 'no message on success', /no message/),
      behaviour(1, 'message from a path of its own, not as root', /path of its own/),
    ],
  },
  {
    title: 'node: command and arguments',
    behaviours: [
      behaviour(1, 'those of the image', /of the image where/),
      behaviour(1, 'arguments alone', /arguments alone/),
      behaviour(1, 'a command alone', /command alone/),
      behaviour(1, 'both', /both/),
    ],
  },
  {
    title: 'node: probes',
    behaviours: [
      behaviour(1, 'readiness with an initial delay', /initial delay/),
      behaviour(1, 'never ready, never restarted', /never be ready/),
      behaviour(2, 'liveness by a command', /command of liveness/),
      behaviour(2, 'liveness over HTTP', /over HTTP/),
      behaviour(1, 'liveness over TCP', /takes? .*connections over TCP/),
      behaviour(2, 'liveness over gRPC', /over gRPC/),
      behaviour(1, 'the count of restarts never falls', /never fall/),
    ],
  },
  {
    title: 'node: lifecycle hooks',
    behaviours: [
      behaviour(1, 'postStart by a command', /postStart runs/),
      behaviour(1, 'preStop by a command', /preStop runs/),
      behaviour(1, 'postStart over HTTP', /postStart asks/),
      behaviour(1, 'preStop over HTTP', /preStop asks/),
      behaviour(1, 'preStop before the end', /preStop is over/),
    ],
  },
  {
    title: 'node: init containers',
    behaviours: [
      behaviour(1, 'in order, in a pod that is not restarted', /in order.*not restarted/),
      behaviour(1, 'in order, in a pod that is restarted', /in order.*is restarted/),
      behaviour(1, 'failure blocks the containers and is tried again', /tried again/),
      behaviour(1, 'failure ends a pod that is not restarted', /let the pod fail/),
      behaviour(0, 'sidecars', /sidecars/),
    ],
  },
  {
    title: 'node: ephemeral containers',
    behaviours: [behaviour(2, 'added, and once more', /once more/)],
  },
  {
    title: 'node: environment',
    behaviours: [
      behaviour(3, 'from a ConfigMap: one key, all keys, with prefixes', /ConfigMap/),
      behaviour(3, 'from a Secret: one key, all keys, with prefixes', /Secret/),
      behaviour(3, 'names are expanded in variables, command and arguments', /expand/),
      behaviour(2, 'subPathExpr leads to directories', /by subPathExpr/),
      behaviour(2, 'a bad subPathExpr is refused', /subPathExpr that/),
      behaviour(1, 'a bad subPathExpr is mended while the pod fails', /mended/),
    ],
  },
  {
    title: 'node: downward API in the environment',
    behaviours: [
      behaviour(1, 'name, namespace and address', /name, namespace/),
      behaviour(2, 'addresses of the host', /of the host/),
      behaviour(1, 'uid', /uid/),
      behaviour(1, 'limits and requests', /limits and requests/),
      behaviour(1, 'what the node has, without limits', /without limits/),
    ],
  },
  {
    title: 'node: files of the host name',
    behaviours: [behaviour(1, 'hostAliases', /hostAliases/), behaviour(1, '/etc/hosts is managed', /managed/)],
  },
  {
    title: 'node: security context',
    behaviours: [
      behaviour(1, 'user of a container', /user of a container/),
      behaviour(2, 'user and group of pod and container', /user and group/),
      behaviour(1, 'not privileged', /privileged: false/),
      behaviour(2, 'read-only root, and one that is not', /root file system/),
      behaviour(1, 'no escalation of privileges', /allowPrivilegeEscalation/),
    ],
  },
  {
    title: 'node: sysctls',
    behaviours: [behaviour(1, 'set', /are set/), behaviour(1, 'refused', /refused/)],
  },
  {
    title: 'node: logs',
    behaviours: [
      behaviour(1, 'what a container prints', /prints/),
      behaviour(1, 'the reason of a container that fails', /always fails/),
      behaviour(1, 'deletion of a pod that fails', /go when it is deleted/),
    ],
  },
];

export const nodeKinds: Line = {
  title: 'node: kinds of the API',
  behaviours: [
    behaviour(3, 'ConfigMap and Secret: all verbs', /^(ConfigMap|Secret) has all verbs/),
    behaviour(2, 'ConfigMap and Secret: an empty key is refused', /empty key/),
    behaviour(1, 'Lease: all verbs', /^Lease/),
    behaviour(3, 'PodTemplate: all verbs, one and a collection', /^PodTemplate/),
    behaviour(1, 'Node: all verbs and the status', /^Node/),
    ...['DeviceClass', 'ResourceClaim', 'ResourceClaimTemplate', 'ResourceSlice'].map((kind) =>
      behaviour(1, `${kind}: all verbs`, new RegExp(`^${kind} has`)),
    ),
  ],
};

export const nodeFurther: readonly Line[] = [
  {
    title: 'node: NoExecute taints',
    behaviours: [
      behaviour(1, 'eviction after tolerationSeconds', /seconds|after/i),
      behaviour(1, 'no eviction when the taint goes', /goes|cancel|removed/i),
    ],
  },
  {
    title: 'node: in-place resize',
    behaviours: [
      behaviour(2, 'a guaranteed pod, by patch and by replace', /guaranteed/),
      behaviour(2, 'a burstable pod, by patch and by replace', /burstable/),
      behaviour(2, 'several containers, by patch and by replace', /several/),
    ],
  },
  {
    title: 'node: RuntimeClass',
    behaviours: [
      behaviour(1, 'all verbs', /verb/i),
      behaviour(1, 'a pod of an unknown class is refused', /nobody has made/i),
      behaviour(1, 'a pod of a deleted class is refused', /was deleted/i),
      behaviour(1, 'a pod of a class without overhead', /without an overhead/i),
      behaviour(1, 'a pod of a class with overhead', /sets the overhead/i),
    ],
  },
];
