/** The kubelet's `podresources/v1`: who watches devices asks here which container has which. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GrpcError, grpcService, serveGrpc, type GrpcServer, type ServedMethod } from '@timonel/sdk/grpc';
import type { Allocation, Allocations } from './allocations.ts';
import type { Sources } from './sources.ts';

const proto = `
message Empty {}
message ContainerDevices { string resource_name = 1; repeated string device_ids = 2; }
message ContainerResources { string name = 1; repeated ContainerDevices devices = 2; }
message PodResources { string name = 1; string namespace = 2; repeated ContainerResources containers = 3; }
message ListResponse { repeated PodResources pod_resources = 1; }
message AllocatableResponse { repeated ContainerDevices devices = 1; }
message GetRequest { string pod_name = 1; string pod_namespace = 2; }
message GetResponse { PodResources pod_resources = 1; }
`;

const method = grpcService(proto, 'v1.PodResourcesLister');

interface PodResources {
  readonly name: string;
  readonly namespace: string;
  readonly containers: readonly {
    readonly name: string;
    readonly devices: readonly { readonly resourceName: string; readonly deviceIds: readonly string[] }[];
  }[];
}

/** Pods without devices are not among them. */
export function podResources(allocations: readonly Allocation[]): readonly PodResources[] {
  const uids = [...new Set(allocations.map(({ podUid }) => podUid))];
  return uids.flatMap((uid) => {
    const own = allocations.filter(({ podUid }) => podUid === uid);
    const names = [...new Set(own.map(({ container }) => container))];
    const containers = names.map((name) => ({
      name,
      devices: own
        .filter(({ container }) => container === name)
        .map(({ resource, devices }) => ({ resourceName: resource, deviceIds: devices })),
    }));
    return own.slice(0, 1).map(({ podName, podNamespace }) => ({ name: podName, namespace: podNamespace, containers }));
  });
}

function methodsOf(sources: Sources, allocations: Allocations): readonly ServedMethod[] {
  const devices = (): object[] =>
    sources.resources.flatMap((resourceName) => {
      const deviceIds = sources.get(resourceName)?.healthy ?? [];
      return deviceIds.length === 0 ? [] : [{ resourceName, deviceIds }];
    });
  return [
    {
      method: method('List', 'Empty', 'ListResponse'),
      handle: async () => ({ podResources: podResources(allocations.all()) }),
    },
    {
      method: method('GetAllocatableResources', 'Empty', 'AllocatableResponse'),
      handle: async () => ({ devices: devices() }),
    },
    {
      method: method('Get', 'GetRequest', 'GetResponse'),
      handle: async ({ podName, podNamespace }: { podName: string; podNamespace: string }) => {
        const all = podResources(allocations.all());
        const found = all.find(({ name, namespace }) => name === podName && namespace === podNamespace);
        if (found !== undefined) return { podResources: found };
        throw new GrpcError('NOT_FOUND', `pod ${podNamespace}/${podName} has no devices on this node`);
      },
    },
  ];
}

/** @throws Error EADDRINUSE when another kubelet serves there */
export async function servePodResources(
  kubelet: string,
  { sources, allocations }: { readonly sources: Sources; readonly allocations: Allocations },
  reportFault: (error: unknown) => void,
): Promise<GrpcServer> {
  const socket = join(kubelet, 'pod-resources', 'kubelet.sock');
  await mkdir(dirname(socket), { recursive: true, mode: 0o750 });
  return serveGrpc({ socket, methods: methodsOf(sources, allocations), messageLimitBytes: 64 * 1024, reportFault });
}
