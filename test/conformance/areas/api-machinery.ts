import { behaviour, type Line } from './behaviour.ts';

export const apiMachinery: readonly Line[] = [
  {
    title: 'api-machinery: Namespace',
    behaviours: [
      behaviour(1, 'deletion removes its pods', /pods/i),
      behaviour(1, 'deletion removes its services', /services/i),
      behaviour(1, 'pods go before other objects', /before/i),
      behaviour(1, 'finalizers through /finalize', /finaliz/i),
      behaviour(1, 'update', /update|replace/i),
      behaviour(1, 'patch', /patch/i),
      behaviour(1, 'the status', /status/i),
    ],
  },
  {
    title: 'api-machinery: Garbage collector',
    behaviours: [
      behaviour(1, 'background: Deployment to ReplicaSet to pods', /background.*deployment/i),
      behaviour(1, 'background: ReplicationController to pods', /background.*replicationcontroller/i),
      behaviour(1, 'orphans of a ReplicationController', /orphan.*replicationcontroller/i),
      behaviour(1, 'orphans of a Deployment', /orphan.*deployment/i),
      behaviour(1, 'foreground keeps the owner until the pods are gone', /foreground/i),
      behaviour(1, 'what has a second owner stays', /two owners|second owner/i),
      behaviour(1, 'a circle of owners blocks nothing', /circle|cycle/i),
    ],
  },
  {
    title: 'api-machinery: CustomResourceDefinition',
    behaviours: [
      behaviour(1, 'creation and deletion', /created and deleted/),
      behaviour(1, 'lists by label, deletion of a collection', /collection/),
      behaviour(1, 'the status: read, replaced, patched', /status/),
      behaviour(1, 'watches of its objects', /watched/),
      behaviour(1, 'discovery', /discovery/),
      behaviour(1, 'defaults when objects are written and read, and after they change', /defaults/),
      behaviour(1, 'selectable fields in lists and watches, over two versions with conversion', /selected by fields/),
      behaviour(1, 'conversion by a webhook from one version to another', /converted by a webhook/),
      behaviour(1, 'a list of objects that are stored in several versions', /mixed versions/),
    ],
  },
  {
    title: 'api-machinery: OpenAPI of custom resources',
    behaviours: [
      behaviour(1, 'a kind with a schema', /validated and explained by its schema/),
      behaviour(1, 'a kind without a schema', /without a schema/),
      behaviour(1, 'unknown fields kept at the root', /at the root/),
      behaviour(1, 'unknown fields kept in an object of the schema', /in a nested object/),
      behaviour(1, 'several groups', /several groups/),
      behaviour(1, 'several versions of a group', /several versions/),
      behaviour(1, 'several kinds of a group and version', /several kinds/),
      behaviour(1, 'a version that gets another name', /renamed/),
      behaviour(1, 'a version that is served no more', /served no more/),
    ],
  },
  {
    title: 'api-machinery: field validation',
    behaviours: [
      behaviour(1, 'unknown fields of typed objects', /unknown fields of typed objects/),
      behaviour(1, 'duplicate fields of typed objects', /duplicate fields of typed objects/),
      behaviour(1, 'unknown fields of custom resources', /unknown fields of custom resources/),
      behaviour(1, 'duplicate fields of custom resources', /duplicate fields of custom resources/),
      behaviour(1, 'unknown metadata of typed objects and custom resources', /unknown metadata/),
      behaviour(1, 'custom resources without a schema take anything', /without a schema/),
      behaviour(1, 'what is valid passes in every mode', /every mode/),
    ],
  },
  {
    title: 'api-machinery: webhooks',
    behaviours: [
      behaviour(1, 'pods and config maps are denied, but in exempt namespaces', /pods and config maps|exempt/),
      behaviour(1, 'attaching to a pod is denied', /attach/),
      behaviour(
        1,
        'custom resources and definitions are denied',
        /^deny the creation.* (custom resources|definitions)/,
      ),
      behaviour(1, 'mutation in order, with defaults afterwards', /in order|defaults/),
      behaviour(1, 'mutation of custom resources: pruned, of several versions', /^mutate custom resources/),
      behaviour(1, 'timeouts and failure policies', /timeout/),
      behaviour(1, 'closed with a bad authority', /fail closed/),
      behaviour(1, 'configurations themselves are never mutated or blocked', /never asked about configurations/),
      behaviour(0, 'in discovery', /in discovery/),
    ],
  },
  {
    title: 'api-machinery: configurations of webhooks',
    behaviours: ['mutating', 'validating']
      .flatMap((type) => [
        behaviour(1, `list and deletion of a collection, ${type}`, new RegExp(`${type} kind are listed`)),
        behaviour(1, `operations switched off and on, ${type}`, new RegExp(`${type} kind are updated`)),
        behaviour(1, `match conditions are kept and updated, ${type}`, new RegExp(`${type} kind keep`)),
        behaviour(1, `invalid match conditions are refused, ${type}`, new RegExp(`${type} kind with invalid`)),
      ])
      .concat(behaviour(1, 'everything but skip-me is mutated', /skip-me/)),
  },
  {
    title: 'api-machinery: ValidatingAdmissionPolicy',
    behaviours: [
      behaviour(1, 'all verbs and the status', /verbs and a status/),
      behaviour(1, 'all verbs of bindings', /bindings with all verbs/),
      behaviour(1, 'validation of a Deployment', /validates a Deployment/),
      behaviour(1, 'variables', /variables/),
    ],
  },
  {
    // Of the list of 1.36.
    title: 'api-machinery: MutatingAdmissionPolicy',
    behaviours: [
      behaviour(0, 'all verbs', /has all verbs/),
      behaviour(0, 'all verbs of bindings', /bindings with all verbs/),
      behaviour(0, 'mutation of a Deployment', /changes a Deployment/),
      behaviour(0, 'annotations', /annotations/),
    ],
  },
  {
    title: 'api-machinery: discovery',
    behaviours: [
      behaviour(1, 'the preferred version of each group', /preferred version/),
      behaviour(1, 'resources in each group and version', /resources in each/),
      behaviour(1, 'the version of the server', /version of the server/),
      behaviour(1, 'aggregated at /api', /aggregated at \/api for/),
      behaviour(1, 'aggregated at /apis', /aggregated at \/apis/),
      behaviour(1, 'aggregated by the Accept header', /other forms/),
      behaviour(1, 'aggregated with custom resources', /come and go/),
    ],
  },
  {
    title: 'api-machinery: list chunking',
    behaviours: [
      behaviour(1, 'pages of one version, and what is left', /pages of one/),
      behaviour(1, 'goes on after a compaction, not consistent', /compaction/),
    ],
  },
  {
    title: 'api-machinery: watches',
    behaviours: [
      behaviour(1, 'several watchers with label selectors', /label selector selects/),
      behaviour(1, 'from a resourceVersion', /resourceVersion/),
      behaviour(1, 'from where one stopped', /where they were cut/),
      behaviour(1, 'leaving a selector is DELETED, returning ADDED', /leaves the selector/),
      behaviour(1, 'the same order for all', /same order/),
    ],
  },
  {
    title: 'api-machinery: Tables',
    behaviours: [behaviour(1, '406 where there are none to print', /406/)],
  },
  {
    title: 'api-machinery: flow control',
    behaviours: [
      behaviour(1, 'FlowSchema: all verbs and the status', /^FlowSchema/),
      behaviour(1, 'PriorityLevelConfiguration: all verbs and the status', /^PriorityLevelConfiguration/),
    ],
  },
  {
    title: 'api-machinery: Aggregator',
    behaviours: [behaviour(1, 'an API that a pod serves, by an APIService', /a pod serves/)],
  },
  {
    title: 'api-machinery: ResourceQuota',
    behaviours: [
      behaviour(1, 'its status is there soon', /soon/i),
      behaviour(1, 'life of a ConfigMap', /config map/i),
      behaviour(1, 'life of a Secret', /secret/i),
      behaviour(1, 'life of a Service', /life of a service/i),
      behaviour(1, 'life of a ReplicationController', /replication controller/i),
      behaviour(1, 'life of a ReplicaSet', /replica set/i),
      behaviour(1, 'life of a pod, with an extended resource', /extended/i),
      behaviour(1, 'scopes BestEffort and NotBestEffort', /besteffort/i),
      behaviour(1, 'scopes Terminating and NotTerminating', /notterminating/i),
      behaviour(1, 'update and deletion', /replaced and deleted/i),
      behaviour(1, 'the status apart from the spec', /status that/i),
      behaviour(1, 'life with deletion of a collection', /collection/i),
    ],
  },
];
