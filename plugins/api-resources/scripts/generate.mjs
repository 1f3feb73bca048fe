// Writes src/generated/schemas.ts: OpenAPI 3.0 schemas of the built-in kinds and of every type they reach.
// Run it before tsc and before the tests: node plugins/api-resources/scripts/generate.mjs
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atomicTypes, listFacts, metaTypes, quantityFields, scalarTypes } from './facts.mjs';
import { readApi, readModel } from './models.mjs';

// In the order in which a type that several groups use finds its owner.
const apis = {
  CoreV1Api: [
    'V1Pod',
    'V1Node',
    'V1Namespace',
    'V1Service',
    'V1Endpoints',
    'V1ConfigMap',
    'V1Secret',
    'V1ServiceAccount',
    'CoreV1Event',
    'V1Binding',
    'V1ComponentStatus',
    'V1PersistentVolume',
    'V1PersistentVolumeClaim',
    'V1ReplicationController',
    'V1PodTemplate',
    'V1LimitRange',
    'V1ResourceQuota',
  ],
  AppsV1Api: ['V1Deployment', 'V1ReplicaSet', 'V1StatefulSet', 'V1DaemonSet', 'V1ControllerRevision'],
  DiscoveryV1Api: ['V1EndpointSlice'],
  CoordinationV1Api: ['V1Lease'],
  AutoscalingV1Api: ['V1HorizontalPodAutoscaler', 'V1Scale'],
  AutoscalingV2Api: ['V2HorizontalPodAutoscaler'],
  BatchV1Api: ['V1Job', 'V1CronJob'],
  PolicyV1Api: ['V1PodDisruptionBudget', 'V1Eviction'],
  NetworkingV1Api: ['V1Ingress', 'V1IngressClass', 'V1NetworkPolicy', 'V1IPAddress', 'V1ServiceCIDR'],
  EventsV1Api: ['EventsV1Event'],
  RbacAuthorizationV1Api: ['V1Role', 'V1RoleBinding', 'V1ClusterRole', 'V1ClusterRoleBinding'],
  SchedulingV1Api: ['V1PriorityClass'],
  StorageV1Api: [
    'V1StorageClass',
    'V1VolumeAttachment',
    'V1CSIDriver',
    'V1CSINode',
    'V1CSIStorageCapacity',
    'V1VolumeAttributesClass',
  ],
  NodeV1Api: ['V1RuntimeClass'],
  AdmissionregistrationV1Api: [
    'V1ValidatingWebhookConfiguration',
    'V1MutatingWebhookConfiguration',
    'V1ValidatingAdmissionPolicy',
    'V1ValidatingAdmissionPolicyBinding',
    'V1MutatingAdmissionPolicy',
    'V1MutatingAdmissionPolicyBinding',
  ],
  AdmissionregistrationV1beta1Api: ['V1beta1MutatingAdmissionPolicy', 'V1beta1MutatingAdmissionPolicyBinding'],
  CertificatesV1Api: ['V1CertificateSigningRequest'],
  FlowcontrolApiserverV1Api: ['V1FlowSchema', 'V1PriorityLevelConfiguration'],
  ResourceV1Api: ['V1DeviceClass', 'ResourceV1ResourceClaim', 'V1ResourceClaimTemplate', 'V1ResourceSlice'],
  ApiextensionsV1Api: ['V1CustomResourceDefinition'],
  ApiregistrationV1Api: ['V1APIService'],
  AuthenticationV1Api: ['V1TokenReview', 'V1SelfSubjectReview', 'AuthenticationV1TokenRequest'],
  AuthorizationV1Api: [
    'V1SubjectAccessReview',
    'V1LocalSubjectAccessReview',
    'V1SelfSubjectAccessReview',
    'V1SelfSubjectRulesReview',
  ],
};
/** Kinds that no method of these API classes answers with: they travel in bodies only, or belong to every group. */
const bodiesOnly = {
  V1Scale: ['autoscaling', 'v1'],
  V1Eviction: ['policy', 'v1'],
  AuthenticationV1TokenRequest: ['authentication.k8s.io', 'v1'],
};
/** Kinds without a list: they are not stored. */
const unlisted = /V1(?:Binding|Scale|Eviction|TokenRequest|\w+Review)$/;
/** Types that belong to another package than the first kind that reaches them. */
const packageOfModel = { V1TopologySelectorTerm: 'core', V1TopologySelectorLabelRequirement: 'core' };
/** Packages that are not part of `io.k8s.api`. */
const packageBase = {
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
};
const metaKinds = ['V1Status', 'V1DeleteOptions'];

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const quantity = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const scalars = {
  Date: `${meta}.Time`,
  V1MicroTime: `${meta}.MicroTime`,
  IntOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
};

const keyOfModel = new Map();
const schemas = { ...scalarTypes };
const usedFacts = new Set();

/** Group, where several have a type of the name; version; name. */
const modelName = /^(?:[A-Z][a-z]+)?V(\d(?:beta\d)?)([A-Z]\w*)$/;

/** `V1Pod` → `Pod`, `CoreV1Event` → `Event`, `V2MetricSpec` → `MetricSpec`. */
function plainName(model) {
  const match = modelName.exec(model);
  if (match === null) throw new Error(`${model}: only models of stable and beta versions are expected here`);
  return match[2];
}

/** `V2MetricSpec` → `2`, `V1beta1Mutation` → `1beta1`. */
const versionOf = (model) => modelName.exec(model)?.[1];

function assignKey(model, packageName) {
  const name = plainName(model);
  const owner = packageOfModel[model] ?? packageName;
  const base = packageBase[owner] ?? `io.k8s.api.${owner}`;
  const key = metaTypes.includes(name) ? `${meta}.${name}` : `${base}.v${versionOf(model)}.${name}`;
  if ([...keyOfModel.values()].includes(key)) throw new Error(`${model}: ${key} is taken by another model`);
  keyOfModel.set(model, key);
}

const reference = (key) => ({ $ref: `#/components/schemas/${key}` });

/** The schema of a type as the attribute type map names it; new models go to `reached`. */
function schemaOf(type, format, reached) {
  const list = /^Array<(.+)>$/.exec(type);
  if (list !== null) return { type: 'array', items: schemaOf(list[1], format, reached) };
  const map = /^\{ \[key: string\]: (.+); \}$/.exec(type);
  if (map !== null) return { type: 'object', additionalProperties: schemaOf(map[1], format, reached) };
  if (type === 'any') return { 'x-kubernetes-preserve-unknown-fields': true };
  if (type === 'number') return { type: format === 'double' ? 'number' : 'integer', format };
  if (type === 'string' || type === 'boolean') return format === '' ? { type } : { type, format };
  const scalar = scalars[type];
  if (scalar !== undefined) return reference(scalar);
  reached.push(type);
  return { model: type };
}

/** `field`: a quantity; `field*`: a map of them; `field[]`: a list of them. */
function withQuantities(typeName, field, schema) {
  const forms = {
    [field]: reference(quantity),
    [`${field}*`]: { type: 'object', additionalProperties: reference(quantity) },
    [`${field}[]`]: { type: 'array', items: reference(quantity) },
  };
  const form = (quantityFields[typeName] ?? []).find((listed) => Object.hasOwn(forms, listed));
  if (form === undefined) return schema;
  usedFacts.add(`${typeName}.${form}`);
  return forms[form];
}

function withFacts(typeName, field, schema) {
  const fact = listFacts[typeName]?.[field];
  if (fact === undefined) return schema;
  usedFacts.add(`${typeName}.${field}`);
  return {
    ...schema,
    ...(fact.map === undefined ? {} : { 'x-kubernetes-map-type': fact.map }),
    ...(fact.list === undefined ? {} : { 'x-kubernetes-list-type': fact.list }),
    ...(fact.keys === undefined ? {} : { 'x-kubernetes-list-map-keys': fact.keys }),
    ...(fact.strategy === undefined ? {} : { 'x-kubernetes-patch-strategy': fact.strategy }),
    ...(fact.key === undefined ? {} : { 'x-kubernetes-patch-merge-key': fact.key }),
  };
}

async function addModel(model, packageName, kinds) {
  const { description, fields } = await readModel(model);
  const typeName = plainName(model);
  const reached = [];
  const properties = {};
  for (const field of fields) {
    const own = field.name === 'fieldsV1' ? reference(`${meta}.FieldsV1`) : schemaOf(field.type, field.format, reached);
    const schema = withFacts(typeName, field.name, withQuantities(typeName, field.name, own));
    properties[field.name] = field.description === '' ? schema : { description: field.description, ...schema };
  }
  const required = fields.filter((field) => field.required).map((field) => field.name);
  const kind = kinds.get(model);
  schemas[keyOfModel.get(model)] = {
    ...(description === '' ? {} : { description }),
    type: 'object',
    properties,
    ...(required.length === 0 ? {} : { required }),
    ...(atomicTypes.includes(typeName) || atomicTypes.includes(model) ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(kind === undefined ? {} : { 'x-kubernetes-group-version-kind': [kind] }),
  };
  const fresh = reached.filter((name) => !keyOfModel.has(name));
  for (const name of fresh) if (!keyOfModel.has(name)) assignKey(name, packageName);
  return [...new Set(fresh)];
}

/** Turns `{ model: 'V1PodSpec' }` into references, now that every model has its key. */
function resolveModels(value) {
  if (Array.isArray(value)) return value.map(resolveModels);
  if (typeof value !== 'object' || value === null) return value;
  const { model, ...rest } = value;
  if (typeof model === 'string' && keyOfModel.has(model)) return { ...rest, ...reference(keyOfModel.get(model)) };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolveModels(item)]));
}

/** The package has no descriptions of fields that hold an object: that of the object's type stands in. */
function describeFields() {
  for (const { properties } of Object.values(schemas)) {
    for (const [name, field] of Object.entries(properties ?? {})) {
      const description = field.model === undefined ? undefined : schemas[keyOfModel.get(field.model)]?.description;
      if (field.description === undefined && description !== undefined) properties[name] = { description, ...field };
    }
  }
}

/** `CoreV1Event` → `CoreV1EventList`, `ResourceV1ResourceClaim` → `V1ResourceClaimList`. */
function withLists(kinds, models) {
  const listOf = (kind) => (models.includes(`${kind}List`) ? `${kind}List` : `V1${plainName(kind)}List`);
  return kinds.flatMap((kind) => (unlisted.test(kind) ? [kind] : [kind, listOf(kind)]));
}

async function addGroup(apiClass, listed) {
  const { group, version, models } = readApi(apiClass);
  const roots = withLists(listed, models);
  const kinds = new Map();
  for (const root of roots) {
    const [rootGroup, rootVersion] = bodiesOnly[root] ?? [group, version];
    if (bodiesOnly[root] === undefined && !models.includes(root))
      throw new Error(`${apiClass} answers with no ${root}`);
    kinds.set(root, { group: rootGroup, kind: plainName(root), version: rootVersion });
  }
  const packageName = group === '' ? 'core' : group.split('.')[0];
  let wave = roots.filter((root) => !keyOfModel.has(root));
  for (const root of wave) assignKey(root, packageName);
  while (wave.length > 0) {
    const next = [];
    for (const model of wave) next.push(...(await addModel(model, packageName, kinds)));
    wave = next;
  }
}

async function addMeta() {
  const kinds = new Map(metaKinds.map((model) => [model, { group: '', kind: plainName(model), version: 'v1' }]));
  let wave = metaKinds.filter((model) => !keyOfModel.has(model));
  for (const model of wave) assignKey(model, 'core');
  while (wave.length > 0) {
    const next = [];
    for (const model of wave) next.push(...(await addModel(model, 'core', kinds)));
    wave = next;
  }
}

function checkFacts() {
  for (const [type, fields] of Object.entries(listFacts)) {
    for (const field of Object.keys(fields)) {
      if (!usedFacts.has(`${type}.${field}`)) throw new Error(`facts.mjs: no type has a field ${type}.${field}`);
    }
  }
  for (const [type, fields] of Object.entries(quantityFields)) {
    for (const field of fields) {
      if (!usedFacts.has(`${type}.${field}`)) throw new Error(`facts.mjs: no type has a quantity ${type}.${field}`);
    }
  }
}

function moduleText() {
  const ordered = Object.fromEntries(
    Object.keys(schemas)
      .sort()
      .map((key) => [key, resolveModels(schemas[key])]),
  );
  // One string: parsing JSON is faster than parsing a literal, and it is only done when somebody asks.
  const literal = JSON.stringify(JSON.stringify(ordered));
  return `// Generated by scripts/generate.mjs from @kubernetes/client-node. Do not edit.\nexport const schemasJson: string =\n  ${literal};\n`;
}

await addMeta();
for (const [apiClass, roots] of Object.entries(apis)) await addGroup(apiClass, roots);
checkFacts();
describeFields();
const target = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'generated', 'schemas.ts');
const text = moduleText();
mkdirSync(dirname(target), { recursive: true });
// An unchanged file keeps its time, so that nothing is built again.
if (!existsSync(target) || readFileSync(target, 'utf8') !== text) {
  writeFileSync(`${target}.new`, text);
  renameSync(`${target}.new`, target);
}
console.log(`${Object.keys(schemas).length} schemas, ${Math.round(text.length / 1024)} KiB`);
