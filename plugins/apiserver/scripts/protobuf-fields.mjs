// Reads the protobuf field numbers of the Kubernetes API types out of a kubectl binary and writes `src/protobuf/field-table.ts`.
//
//   node plugins/apiserver/scripts/protobuf-fields.mjs PATH_TO_KUBECTL
//
// Go keeps the tags of struct fields in the binary for reflection; those of API types hold the field number, the wire type and
// the JSON name (`protobuf:"bytes,1,opt,name=metadata"`). The numbers are facts that never change once published. Only messages
// that the served kinds can reach are kept. Run it again when a new Kubernetes version adds fields.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const data = readFileSync(process.argv[2] ?? '');
const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
const u64 = (offset) => Number(view.getBigUint64(offset, true));

/** Sections of the ELF file: address, offset and size each. */
function sections() {
  const table = u64(40);
  const size = view.getUint16(58, true);
  const count = view.getUint16(60, true);
  const names = view.getUint16(62, true);
  const raw = Array.from({ length: count }, (_, index) => {
    const at = table + index * size;
    return { name: view.getUint32(at, true), address: u64(at + 16), offset: u64(at + 24), size: u64(at + 32) };
  });
  const strings = raw[names].offset;
  return raw.map((section) => {
    const at = strings + section.name;
    return { ...section, name: data.toString('latin1', at, data.indexOf(0, at)) };
  });
}

const rodata = sections().find((section) => section.name === '.rodata');
const inside = (address) => address >= rodata.address && address < rodata.address + rodata.size;
const offsetOf = (address) => address - rodata.address + rodata.offset;

/** internal/abi.Name: flags, length as varint, text, and the tag likewise when bit 1 is set. */
function readName(address) {
  let at = offsetOf(address);
  const flags = data[at++];
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = data[at++];
      value |= (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
  };
  const length = varint();
  const text = data.toString('utf8', at, at + length);
  at += length;
  if ((flags & 2) === 0) return { text, tag: '' };
  const tagLength = varint();
  return { text, tag: data.toString('utf8', at, at + tagLength) };
}

const kinds = {
  bool: 1,
  int: 2,
  int32: 5,
  int64: 6,
  uint8: 8,
  uint32: 10,
  float64: 14,
  map: 21,
  pointer: 22,
  slice: 23,
  string: 24,
  struct: 25,
};

/** internal/abi.Type: kind at 23, flags at 20, name offset at 40; the parts of each kind follow at 48. */
function readType(address) {
  const at = offsetOf(address);
  const kind = data[at + 23] & 31;
  const flags = data[at + 20];
  let name = readName(rodata.address + view.getInt32(at + 40, true)).text;
  if ((flags & 2) !== 0) name = name.slice(1);
  return { address, at, kind, flags, name };
}

/** The import path of a named struct: its "uncommon" part follows the struct's own. */
function packageOf(type) {
  if ((type.flags & 1) === 0) return '';
  return readName(rodata.address + view.getInt32(type.at + 80, true)).text;
}

function shapeOf(address) {
  const type = readType(address);
  const element = () => shapeOf(u64(type.at + 48));
  switch (type.kind) {
    case kinds.pointer:
      return element();
    case kinds.slice: {
      const inner = readType(u64(type.at + 48));
      return inner.kind === kinds.uint8 ? { kind: 'bytes' } : { kind: 'list', of: element() };
    }
    case kinds.map:
      return { kind: 'map', of: shapeOf(u64(type.at + 56)) };
    case kinds.struct:
      return { kind: 'message', type: `${packageOf(type)}.${type.name.split('.').at(-1)}`, address };
    case kinds.string:
      return { kind: 'string' };
    case kinds.bool:
      return { kind: 'bool' };
    case kinds.float64:
      return { kind: 'double' };
    default:
      return { kind: 'int' };
  }
}

function fieldsOf(type) {
  const fields = u64(type.at + 56);
  const count = u64(type.at + 64);
  if (!inside(fields) || count > 500) return [];
  return Array.from({ length: count }, (_, index) => {
    const at = offsetOf(fields) + index * 24;
    const { tag } = readName(u64(at));
    const match = /protobuf:"(\w+),(\d+),(\w+)(?:,[^"]*?name=(\w+))?[^"]*"/.exec(tag);
    if (match === null) return undefined;
    const json = /json:"([^",]*)(,[^"]*)?"/.exec(tag);
    const options = json?.[2] ?? '';
    // Go writes fields that are no pointers even when they are empty; JSON leaves these out.
    const dropsZero = options.includes('omitempty') && readType(u64(at + 8)).kind !== kinds.pointer;
    return {
      number: Number(match[2]),
      name: json?.[1] ?? match[4],
      inline: options.includes('inline'),
      dropsZero,
      shape: shapeOf(u64(at + 8)),
    };
  }).filter((field) => field !== undefined);
}

/** Every struct type descriptor that has a field with a protobuf tag, by `package.Name`. */
function messages() {
  const found = new Map();
  const end = rodata.offset + rodata.size;
  for (let at = rodata.offset; at + 96 < end; at += 8) {
    if ((data[at + 23] & 31) !== kinds.struct) continue;
    const fields = u64(at + 56);
    const count = u64(at + 64);
    if (!inside(fields) || count === 0 || count > 200 || u64(at + 72) !== count) continue;
    try {
      const type = readType(at - rodata.offset + rodata.address);
      const list = fieldsOf(type);
      const packageName = packageOf(type);
      if (list.length === 0 || packageName === '') continue;
      found.set(`${packageName}.${type.name.split('.').at(-1)}`, list);
    } catch {
      // These bytes only looked like a type.
    }
  }
  return found;
}

const all = messages();
const groups = {
  'k8s.io/api/core/v1': [
    'Namespace',
    'Node',
    'Pod',
    'Service',
    'Endpoints',
    'ConfigMap',
    'Secret',
    'Event',
    'ServiceAccount',
    'Binding',
    'PersistentVolume',
    'PersistentVolumeClaim',
    'ReplicationController',
    'PodTemplate',
    'LimitRange',
    'ResourceQuota',
  ],
  'k8s.io/api/apps/v1': ['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'ControllerRevision'],
  'k8s.io/api/batch/v1': ['Job', 'CronJob'],
  'k8s.io/api/discovery/v1': ['EndpointSlice'],
  'k8s.io/api/coordination/v1': ['Lease'],
  'k8s.io/api/policy/v1': ['Eviction', 'PodDisruptionBudget'],
  'k8s.io/api/autoscaling/v1': ['Scale', 'HorizontalPodAutoscaler'],
  'k8s.io/api/autoscaling/v2': ['HorizontalPodAutoscaler'],
  'k8s.io/api/networking/v1': ['Ingress', 'IngressClass', 'NetworkPolicy', 'IPAddress', 'ServiceCIDR'],
  'k8s.io/api/events/v1': ['Event'],
  'k8s.io/api/rbac/v1': ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'],
  'k8s.io/api/scheduling/v1': ['PriorityClass'],
  'k8s.io/api/storage/v1': [
    'StorageClass',
    'VolumeAttachment',
    'CSIDriver',
    'CSINode',
    'CSIStorageCapacity',
    'VolumeAttributesClass',
  ],
  'k8s.io/api/node/v1': ['RuntimeClass'],
  'k8s.io/api/admissionregistration/v1': [
    'ValidatingWebhookConfiguration',
    'MutatingWebhookConfiguration',
    'ValidatingAdmissionPolicy',
    'ValidatingAdmissionPolicyBinding',
  ],
  'k8s.io/api/admissionregistration/v1beta1': ['MutatingAdmissionPolicy', 'MutatingAdmissionPolicyBinding'],
  'k8s.io/api/certificates/v1': ['CertificateSigningRequest'],
  'k8s.io/api/flowcontrol/v1': ['FlowSchema', 'PriorityLevelConfiguration'],
  'k8s.io/api/resource/v1': ['DeviceClass', 'ResourceClaim', 'ResourceClaimTemplate', 'ResourceSlice'],
  'k8s.io/api/authentication/v1': ['TokenRequest', 'TokenReview', 'SelfSubjectReview'],
  'k8s.io/api/authorization/v1': [
    'SubjectAccessReview',
    'LocalSubjectAccessReview',
    'SelfSubjectAccessReview',
    'SelfSubjectRulesReview',
  ],
  'k8s.io/apimachinery/pkg/apis/meta/v1': ['DeleteOptions', 'Status'],
};
const roots = Object.entries(groups).flatMap(([packageName, names]) => names.map((name) => `${packageName}.${name}`));
const short = (name) =>
  name.replace('k8s.io/api/', '').replace('k8s.io/apimachinery/pkg/apis/', '').replace('k8s.io/apimachinery/pkg/', '');
const kept = {};
const queue = [...roots];
const encode = (shape) => {
  if (shape.kind === 'list') return `[]${encode(shape.of)}`;
  if (shape.kind === 'map') return `{}${encode(shape.of)}`;
  if (shape.kind !== 'message') return shape.kind;
  queue.push(shape.type);
  return `#${short(shape.type)}`;
};
while (queue.length > 0) {
  const name = queue.pop();
  if (kept[short(name)] !== undefined) continue;
  const fields = all.get(name);
  kept[short(name)] = {};
  if (fields === undefined) {
    console.error(`no fields: ${name}`);
    continue;
  }
  for (const { number, name: json, inline, dropsZero, shape } of fields) {
    kept[short(name)][number] = [inline ? '' : json, `${encode(shape)}${dropsZero ? '?' : ''}`];
  }
}
// A stable version has the numbers of the beta that it was, also before binaries have it.
for (const kind of ['MutatingAdmissionPolicy', 'MutatingAdmissionPolicyBinding'])
  kept[`admissionregistration/v1.${kind}`] ??= kept[`admissionregistration/v1beta1.${kind}`];
const sorted = Object.fromEntries(Object.entries(kept).sort(([a], [b]) => (a < b ? -1 : 1)));
const target = fileURLToPath(new URL('../src/protobuf/field-table.ts', import.meta.url));
const lines = Object.entries(sorted).map(([name, fields]) => `  ${JSON.stringify(name)}: ${JSON.stringify(fields)},`);
writeFileSync(
  target,
  `/**
 * Protobuf field numbers of the Kubernetes API types: message → number → [JSON name, shape]. Shapes: \`[]\` list of, \`{}\` map to,
 * \`#\` message, a trailing \`?\` leaves zero values out. An empty name: the fields of the message are those of its parent.
 * Facts, written by scripts/protobuf-fields.mjs.
 */
// oxfmt-ignore
export const fieldTable: Readonly<Record<string, Readonly<Record<string, readonly [name: string, shape: string]>>>> = {
${lines.join('\n')}
};
`,
);
console.log(`${Object.keys(sorted).length} messages of ${all.size} in the binary`);
