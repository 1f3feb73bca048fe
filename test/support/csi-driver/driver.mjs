/**
 * A CSI driver for tests, a program of its own: its volumes are directories, which it mounts as a driver of disks would. It writes down each
 * call, and fails as it is told. Settings come as JSON in the first argument.
 *
 *   name, nodeId          of the driver and of this node
 *   registry              directory where it registers
 *   directory             its own: `csi.sock`, `volumes/<id>`, `calls.jsonl`, `fail.json`
 *   capabilities          numbers of NodeServiceCapability.RPC.Type
 *   mountsNothing         its mounts stay unseen
 *   tools                 { directory, libraries } of mount(8) and umount(8), where they are not in the usual places
 *   versions, segments    what it says at its registration and of its topology
 */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

const settings = JSON.parse(process.argv[2]);
const { name, registry, directory, capabilities = [1, 2, 3], versions = ['1.0.0'], segments = {} } = settings;
const socket = join(directory, 'csi.sock');
const volumes = join(directory, 'volumes');
mkdirSync(volumes, { recursive: true });

// Field numbers of the specification, written down apart from those of the code under test.
const { root } = protobuf.parse(`
syntax = "proto3";
message Nothing {}
message Bool { bool value = 1; }
message Probed { Bool ready = 1; }
message Info { string name = 1; string vendor_version = 2; map<string, string> manifest = 3; }
message Service { int32 type = 1; }
message PluginCapability { Service service = 1; }
message PluginCapabilities { repeated PluginCapability capabilities = 1; }
message Rpc { int32 type = 1; }
message Capability { Rpc rpc = 1; }
message Capabilities { repeated Capability capabilities = 1; }
message Topology { map<string, string> segments = 1; }
message NodeInfo { string node_id = 1; int64 max_volumes_per_node = 2; Topology accessible_topology = 3; }
message Mounted { string fs_type = 1; repeated string mount_flags = 2; string volume_mount_group = 3; }
message Mode { int32 mode = 1; }
message VolumeCapability { Nothing block = 1; Mounted mount = 2; Mode access_mode = 3; }
message Range { int64 required_bytes = 1; int64 limit_bytes = 2; }
message Stage { string volume_id = 1; map<string, string> publish_context = 2; string staging_target_path = 3;
  VolumeCapability volume_capability = 4; map<string, string> secrets = 5; map<string, string> volume_context = 6; }
message Unstage { string volume_id = 1; string staging_target_path = 2; }
message Publish { string volume_id = 1; map<string, string> publish_context = 2; string staging_target_path = 3; string target_path = 4;
  VolumeCapability volume_capability = 5; bool readonly = 6; map<string, string> secrets = 7; map<string, string> volume_context = 8; }
message Unpublish { string volume_id = 1; string target_path = 2; }
message StatsAsked { string volume_id = 1; string volume_path = 2; string staging_target_path = 3; }
message Usage { int64 available = 1; int64 total = 2; int64 used = 3; int32 unit = 4; }
message Stats { repeated Usage usage = 1; }
message Expand { string volume_id = 1; string volume_path = 2; Range capacity_range = 3; string staging_target_path = 4;
  VolumeCapability volume_capability = 5; map<string, string> secrets = 6; }
message Expanded { int64 capacity_bytes = 1; }
message PluginInfo { string type = 1; string name = 2; string endpoint = 3; repeated string supported_versions = 4; }
message Registered { bool plugin_registered = 1; string error = 2; }
`);

const note = (entry) => appendFileSync(join(directory, 'calls.jsonl'), `${JSON.stringify(entry)}\n`);

const { directory: tools, libraries } = settings.tools ?? {};
const run = (program, args) =>
  execFileSync(tools === undefined ? program : join(tools, program), args, {
    env: { ...process.env, ...(libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries }) },
  });

class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = status[code];
  }
}

function mounted(path) {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === path);
}

function bind(source, target, readOnly) {
  mkdirSync(target, { recursive: true });
  if (settings.mountsNothing) return;
  if (!mounted(target)) run('mount', ['--bind', source, target]);
  if (readOnly) run('mount', ['-o', 'remount,bind,ro', target]);
}

function bindDevice(source, target) {
  if (!existsSync(target)) writeFileSync(target, '');
  if (!mounted(target)) run('mount', ['--bind', source, target]);
}

function unbind(path) {
  while (mounted(path)) run('umount', [path]);
  rmSync(path, { recursive: lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false, force: true });
}

function sourceOf({ volumeId, volumeContext }) {
  const path = join(volumes, volumeId);
  if (volumeContext['csi.storage.k8s.io/ephemeral'] === 'true') mkdirSync(path, { recursive: true });
  if (!existsSync(path)) throw new Refusal('NOT_FOUND', `there is no volume ${volumeId}`);
  return path;
}

const unstaged = (path) => {
  while (mounted(path)) run('umount', [path]);
};

const stages = capabilities.includes(1);
const methods = {
  'csi.v1.Identity/GetPluginInfo': ['Nothing', 'Info', () => ({ name, vendorVersion: '1' })],
  'csi.v1.Identity/GetPluginCapabilities': ['Nothing', 'PluginCapabilities', () => ({ capabilities: [] })],
  'csi.v1.Identity/Probe': ['Nothing', 'Probed', () => ({ ready: { value: true } })],
  'csi.v1.Node/NodeGetInfo': [
    'Nothing',
    'NodeInfo',
    () => ({ nodeId: settings.nodeId ?? 'id-of-node', maxVolumesPerNode: 7, accessibleTopology: { segments } }),
  ],
  'csi.v1.Node/NodeGetCapabilities': [
    'Nothing',
    'Capabilities',
    () => ({ capabilities: capabilities.map((type) => ({ rpc: { type } })) }),
  ],
  'csi.v1.Node/NodeStageVolume': [
    'Stage',
    'Nothing',
    (request) => {
      const source = sourceOf(request);
      if (request.volumeCapability.block === null) bind(source, request.stagingTargetPath, false);
      return {};
    },
  ],
  'csi.v1.Node/NodeUnstageVolume': ['Unstage', 'Nothing', ({ stagingTargetPath }) => (unstaged(stagingTargetPath), {})],
  'csi.v1.Node/NodePublishVolume': [
    'Publish',
    'Nothing',
    (request) => {
      const source = sourceOf(request);
      if (request.volumeCapability.block !== null) bindDevice('/dev/null', request.targetPath);
      else
        bind(
          stages && request.stagingTargetPath !== '' ? request.stagingTargetPath : source,
          request.targetPath,
          request.readonly,
        );
      return {};
    },
  ],
  'csi.v1.Node/NodeUnpublishVolume': ['Unpublish', 'Nothing', ({ targetPath }) => (unbind(targetPath), {})],
  'csi.v1.Node/NodeGetVolumeStats': [
    'StatsAsked',
    'Stats',
    ({ volumePath }) => {
      const { bsize, blocks, bavail } = statfsSync(volumePath);
      return {
        usage: [
          { total: bsize * blocks, available: bsize * bavail, used: bsize * (blocks - bavail), unit: 1 },
          { total: 100, available: 93, used: 7, unit: 2 },
        ],
      };
    },
  ],
  'csi.v1.Node/NodeExpandVolume': [
    'Expand',
    'Expanded',
    ({ capacityRange }) => ({ capacityBytes: capacityRange.requiredBytes }),
  ],
};

const registration = {
  'pluginregistration.Registration/GetInfo': [
    'Nothing',
    'PluginInfo',
    () => ({ type: 'CSIPlugin', name, endpoint: socket, supportedVersions: versions }),
  ],
  'pluginregistration.Registration/NotifyRegistrationStatus': ['Registered', 'Nothing', () => ({})],
};

/** `{ "NodeStageVolume": { "code": "INTERNAL", "message": "no disk" } }`; `"crash"`, `"hang"` as a code: it dies after its work, or never answers. */
function told(method) {
  try {
    return JSON.parse(readFileSync(join(directory, 'fail.json'), 'utf8'))[method];
  } catch {
    return undefined;
  }
}

function serve(table, path) {
  const server = new Server();
  for (const [key, [request, answer, work]] of Object.entries(table)) {
    const method = key.split('/')[1];
    const [input, output] = [root.lookupType(request), root.lookupType(answer)];
    const codec = (type) => ({
      encode: (message) => Buffer.from(type.encode(type.fromObject(message)).finish()),
      decode: (bytes) =>
        type.toObject(type.decode(bytes), { longs: Number, defaults: true, arrays: true, objects: true }),
    });
    const definition = {
      path: `/${key}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: codec(input).encode,
      requestDeserialize: codec(input).decode,
      responseSerialize: codec(output).encode,
      responseDeserialize: codec(output).decode,
    };
    const handle = (call, done) => {
      const fault = told(method);
      note({ method, request: call.request });
      if (fault?.code === 'hang') return;
      if (fault !== undefined && fault.code !== 'crash') {
        done({ code: status[fault.code], details: fault.message });
        return;
      }
      try {
        const result = work(call.request);
        if (fault?.code === 'crash') process.kill(process.pid, 'SIGKILL');
        done(null, result);
      } catch (error) {
        done({ code: error.code ?? status.INTERNAL, details: error.message });
      }
    };
    server.addService({ call: definition }, { call: handle });
  }
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}

await serve(methods, socket);
if (registry !== undefined) await serve(registration, join(registry, `${name}-reg.sock`));
process.stdout.write('ready\n');
