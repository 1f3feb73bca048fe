import { behaviour, type Line } from './behaviour.ts';

export const auth: readonly Line[] = [
  { title: 'auth: kube-root-ca.crt', behaviours: [behaviour(1, 'in every namespace, repaired', /anew|put right/i)] },
  {
    title: 'auth: certificate signing requests',
    behaviours: [behaviour(1, 'all verbs', /^are created, read/), behaviour(0, '/approval and /status', /\/approval/)],
  },
  {
    title: 'auth: service accounts',
    behaviours: [
      behaviour(1, 'lifecycle with watch', /^are created, watched/),
      behaviour(1, 'update', /^are updated/),
      behaviour(1, 'token and TokenReview', /TokenReview/),
    ],
  },
  {
    title: 'auth: access reviews',
    behaviours: [behaviour(1, 'agree with impersonated calls', /impersonated/)],
  },
  {
    title: 'auth: service accounts in pods',
    behaviours: [
      behaviour(1, 'token, CA and namespace are mounted', /^have a token/),
      behaviour(1, 'automount: pod by service account', /automount/),
      behaviour(1, 'a projected token', /projected/),
      behaviour(1, 'OpenID Connect discovery from a pod', /OpenID/),
    ],
  },
];

export const kubectl: readonly Line[] = [
  {
    title: 'kubectl: without containers',
    behaviours: [
      behaviour(1, 'api-versions', /^api-versions/),
      behaviour(1, 'cluster-info', /^cluster-info/),
      behaviour(1, 'version', /^version/),
      behaviour(1, 'diff of a Deployment', /^diff/),
      behaviour(1, 'run --restart=Never', /^run/),
      behaviour(1, 'replace -f of an image', /^replace/),
      behaviour(1, 'a server-side dry run leaves the object alone', /dry run/),
      behaviour(1, 'proxy --port 0', /--port=0/),
      behaviour(1, 'proxy --unix-socket', /--unix-socket/),
    ],
  },
  {
    title: 'kubectl: with containers',
    behaviours: [
      behaviour(1, 'describe: pod, ReplicationController, service, node, namespace', /^describe/),
      behaviour(1, 'label and unlabel', /^label/),
      behaviour(1, 'patch: annotations of pods', /annotations/),
      behaviour(1, 'expose a ReplicationController and a service', /^expose/),
      behaviour(1, 'a ReplicationController is made and stopped', /^create/),
      behaviour(1, 'a ReplicationController is scaled', /^scale/),
      behaviour(1, 'logs: tail, limit of bytes, time stamps, since', /^logs/),
      behaviour(1, 'a guestbook works and is stopped', /guestbook/),
    ],
  },
];

export const scheduling: readonly Line[] = [
  {
    title: 'scheduling: LimitRange',
    behaviours: [
      behaviour(1, 'defaults are set and limits enforced', /minimum|defaults of/i),
      behaviour(1, 'list, patch and deletion of a collection', /collection/i),
    ],
  },
  {
    title: 'scheduling: predicates',
    behaviours: [
      behaviour(1, 'resources that do not fit', /resource|cpu/i),
      behaviour(1, 'a node selector that matches no node', /matches no/i),
      behaviour(1, 'a node selector that matches', /only on|selects/i),
      behaviour(1, 'conflict of host ports with 0.0.0.0', /0\.0\.0\.0/),
    ],
  },
  {
    title: 'scheduling: preemption',
    behaviours: [
      behaviour(1, 'of a less important pod', /less important/i),
      behaviour(1, 'by a critical pod', /critical/i),
      behaviour(1, 'of pods of several priorities', /several priorities|lowest/i),
      behaviour(1, 'the condition DisruptionTarget', /disruptiontarget/i),
      behaviour(1, 'PriorityClass: all verbs, an immutable value', /priorityclass/i),
    ],
  },
];

export const events: Line = {
  title: 'instrumentation: Events',
  behaviours: [
    behaviour(1, 'life of an Event of the core group', /^of the core group have/),
    behaviour(1, 'life of an Event of events.k8s.io', /^of events.k8s.io have/),
    behaviour(1, 'a series and a collection of the core group', /^of the core group are/),
    behaviour(1, 'a series and a collection of events.k8s.io', /^of events.k8s.io are/),
  ],
};

export const architecture: Line = {
  title: 'architecture: nodes',
  behaviours: [behaviour(1, 'at least two nodes take pods', /at least two/)],
};
