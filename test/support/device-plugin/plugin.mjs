/**
 * A device plugin for tests, a program of its own, whose devices are copies of /dev/null and the like. Settings come as JSON in the first
 * argument.
 *
 *   resource              `example.com/null`
 *   directory             of the node's `kubelet.sock`
 *   own                   its own: `devices.json` ({ id: "Healthy" }), `calls.jsonl`
 *   registry              in place of a call to the node: where it leaves its registration socket
 *   options               `DevicePluginOptions`
 *   cdi                   it answers with CDI devices
 *   hangs                 it never answers to Allocate
 *   version               of the API, in place of v1beta1
 */
import { appendFileSync, existsSync, readFileSync, rmSync, watch, watchFile } from 'node:fs';
import { join } from 'node:path';
import { Client, Server, ServerCredentials, credentials } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

const settings = JSON.parse(process.argv[2]);
const { resource, directory, own, registry, options = {}, cdi = false, version = 'v1beta1' } = settings;
const socketName = `${resource.replace('/', '_')}.sock`;
const socket = join(registry === undefined ? directory : own, socketName);
const kubelet = join(directory, 'kubelet.sock');

const { root } = protobuf.parse(`
syntax = "proto3";
message Nothing {}
message Options { bool pre_start_required = 1; bool get_preferred_allocation_available = 2; }
message Register { string version = 1; string endpoint = 2; string resource_name = 3; Options options = 4; }
message Device { string id = 1; string health = 2; }
message Devices { repeated Device devices = 1; }
message PreferOne { repeated string available = 1; repeated string must = 2; int32 size = 3; }
message Prefer { repeated PreferOne requests = 1; }
message PreferredOne { repeated string ids = 1; }
message Preferred { repeated PreferredOne responses = 1; }
message Ids { repeated string ids = 1; }
message Allocate { repeated Ids requests = 1; }
message Mount { string container_path = 1; string host_path = 2; bool read_only = 3; }
message Node { string container_path = 1; string host_path = 2; string permissions = 3; }
message Cdi { string name = 1; }
message AllocatedOne { map<string, string> envs = 1; repeated Mount mounts = 2; repeated Node devices = 3; map<string, string> annotations = 4;
  repeated Cdi cdi = 5; }
message Allocated { repeated AllocatedOne responses = 1; }
message PluginInfo { string type = 1; string name = 2; string endpoint = 3; repeated string supported_versions = 4; }
message Registered { bool plugin_registered = 1; string error = 2; }
`);

const codec = (name) => {
  const type = root.lookupType(name);
  return {
    encode: (message) => Buffer.from(type.encode(type.fromObject(message)).finish()),
    decode: (bytes) => type.toObject(type.decode(bytes), { defaults: true, arrays: true, objects: true }),
  };
};

const note = (entry) => appendFileSync(join(own, 'calls.jsonl'), `${JSON.stringify(entry)}\n`);

function devices() {
  const found = JSON.parse(readFileSync(join(own, 'devices.json'), 'utf8'));
  return Object.entries(found).map(([id, health]) => ({ id, health }));
}

const answer = (ids) => ({
  envs: { DEVICES: ids.join(',') },
  mounts: [{ containerPath: '/etc/devices', hostPath: own, readOnly: true }],
  devices: ids.map((id) => ({ containerPath: `/dev/given-${id}`, hostPath: '/dev/null', permissions: 'rw' })),
  cdi: cdi ? [{ name: 'example.com/null=a' }] : [],
});

const unary = {
  'v1beta1.DevicePlugin/GetDevicePluginOptions': ['Nothing', 'Options', () => options],
  'v1beta1.DevicePlugin/GetPreferredAllocation': [
    'Prefer',
    'Preferred',
    ({ requests }) => ({ responses: requests.map(({ available, size }) => ({ ids: available.slice(-size) })) }),
  ],
  'v1beta1.DevicePlugin/Allocate': [
    'Allocate',
    'Allocated',
    ({ requests }) => ({ responses: requests.map(({ ids }) => answer(ids)) }),
  ],
  'v1beta1.DevicePlugin/PreStartContainer': ['Ids', 'Nothing', () => ({})],
};

const registration = {
  'pluginregistration.Registration/GetInfo': [
    'Nothing',
    'PluginInfo',
    () => ({ type: 'DevicePlugin', name: resource, endpoint: socket, supportedVersions: [version] }),
  ],
  'pluginregistration.Registration/NotifyRegistrationStatus': ['Registered', 'Nothing', () => ({})],
};

function definitionOf(key, request, result, responseStream = false) {
  return {
    path: `/${key}`,
    requestStream: false,
    responseStream,
    requestSerialize: codec(request).encode,
    requestDeserialize: codec(request).decode,
    responseSerialize: codec(result).encode,
    responseDeserialize: codec(result).decode,
  };
}

function served(table) {
  const server = new Server();
  for (const [key, [request, result, work]] of Object.entries(table)) {
    const handle = (call, done) => {
      note({ method: key.split('/')[1], request: call.request });
      if (settings.hangs === true && key.endsWith('/Allocate')) return;
      try {
        done(null, work(call.request));
      } catch (error) {
        done({ code: 13, details: error.message });
      }
    };
    server.addService({ call: definitionOf(key, request, result) }, { call: handle });
  }
  return server;
}

const streams = new Set();
function listAndWatch(call) {
  streams.add(call);
  call.on('cancelled', () => streams.delete(call));
  call.write({ devices: devices() });
}
watchFile(join(own, 'devices.json'), { interval: 50 }, () => {
  for (const call of streams) call.write({ devices: devices() });
});

function listen(server, path) {
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}

let current;
async function serve() {
  current?.forceShutdown();
  streams.clear();
  current = served(unary);
  const key = 'v1beta1.DevicePlugin/ListAndWatch';
  current.addService({ call: definitionOf(key, 'Nothing', 'Devices', true) }, { call: listAndWatch });
  await listen(current, socket);
}

function register() {
  const client = new Client(`unix:${kubelet}`, credentials.createInsecure());
  const message = { version, endpoint: socketName, resourceName: resource, options };
  const { encode } = codec('Register');
  const { decode } = codec('Nothing');
  client.makeUnaryRequest('/v1beta1.Registration/Register', encode, decode, message, (error) => {
    note({ method: 'Registered', error: error === null ? '' : error.details });
    client.close();
  });
}

async function begin() {
  await serve();
  if (registry === undefined) register();
}

await begin();
if (registry === undefined) {
  let busy = false;
  // The node was started anew when its socket is made again.
  watch(directory, (_event, name) => {
    if (name !== 'kubelet.sock' || busy || !existsSync(kubelet)) return;
    busy = true;
    setTimeout(() => void begin().finally(() => (busy = false)), 50);
  });
} else {
  await listen(served(registration), join(registry, socketName));
}
process.stdout.write('ready\n');
